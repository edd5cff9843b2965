import { SET_WHEN } from '../scaling/memory.ts'
import { apacheUnderSnapshot } from '../scaling/apache-snapshot.ts'
import type { SetLatencies } from '../scaling/apache-snapshot.ts'
import { restartTimes } from '../scaling/start.ts'
import type { RestartTimes } from '../scaling/start.ts'
import type { Row } from '../scaling/row.ts'
import { VIVARIUM } from '../servers.ts'
import type { Aim } from './aims.ts'
import { BYTES_PER_NODE_AIM, RESTART_AIM, SNAPSHOT_P99_TIMES, SNAPSHOT_TURN_AIM } from './aims.ts'
import { runBench } from './child.ts'
import type { Duel, Report } from './report.ts'
import type { Section } from './section.ts'

/** Starts on the tree take long, and differ little. */
const MOST_RESTARTS = 3
const OUR_SECONDS = 45
const THEIR_SECONDS = 150
const SNAPSHOT_SECONDS = 60

function once(what: string, unit: Duel['unit'], ours: number, theirs: number | null, aim: Aim | null): Duel {
  return { what, unit, aim, ours, theirs, ourRuns: [ours], theirRuns: theirs === null ? [] : [theirs] }
}

function restarts(report: Report, tree: string, ours: RestartTimes, theirs: RestartTimes | null): void {
  report.duels.push({
    what: `restart on ${tree}`, unit: 'ms', aim: RESTART_AIM, ours: ours.medianMs, theirs: theirs?.medianMs ?? null,
    ourRuns: ours.allMs, theirRuns: theirs?.allMs ?? [],
  }, once(`resident of each of ${tree}, filled`, 'bytes', ours.bytesPerNode, theirs?.bytesPerNode ?? null,
    BYTES_PER_NODE_AIM), once(`resident of each of ${tree}, after the restart`, 'bytes', ours.bytesPerNodeAfter,
    theirs?.bytesPerNodeAfter ?? null, BYTES_PER_NODE_AIM))
}

/** The rows of the bench, beside what the same sets waited at Apache ZooKeeper. */
function snapshots(report: Report, rows: readonly Row[], theirs: SetLatencies | null): void {
  const rowOf = (what: string): Row => rows.find((row) => row.what === what)!
  const calm = rowOf(`p99 of a set, ${SET_WHEN.calm}`)
  const during = rowOf(`p99 of a set, ${SET_WHEN.snapshot}`)
  const slowest = rowOf(`slowest set, ${SET_WHEN.snapshot}`)
  report.duels.push(
    once(`p99 of sets, ${SET_WHEN.calm}`, 'us', calm.cost, theirs?.calmP99Us ?? null, null),
    once(`p99 of sets, ${SET_WHEN.snapshot}`, 'us', during.cost, theirs?.p99Us ?? null,
      { most: SNAPSHOT_P99_TIMES * calm.cost }),
    once(`slowest set, ${SET_WHEN.snapshot}`, 'us', slowest.cost, theirs?.slowestUs ?? null, null),
    once(`longest turn, ${SET_WHEN.snapshot}`, 'ms', during.blockMs ?? 0, null, SNAPSHOT_TURN_AIM),
    once(`longest turn by the clock, ${SET_WHEN.snapshot}`, 'ms', during.wallMs ?? 0, null, null))
}

/** Memory of a large tree, a start on it, and a snapshot of it while 100 sets are under way all the time. */
export const largeTree: Section = {
  seconds: ({ apache }) => OUR_SECONDS + SNAPSHOT_SECONDS + (apache === null ? 0 : THEIR_SECONDS),
  measure: async (report, plan) => {
    const { nodes, apache } = plan
    const runs = Math.min(plan.runs, MOST_RESTARTS)
    const tree = `${nodes.toLocaleString('en')} znodes of 100 bytes`
    plan.step(`${tree}: fill, kill, start again`, OUR_SECONDS)
    const ours = await restartTimes(VIVARIUM, nodes, runs)
    let theirs: RestartTimes | null = null
    let theirSets: SetLatencies | null = null
    if (apache !== null) {
      plan.step(`${tree}: the same with Apache ZooKeeper, and a snapshot under load`, THEIR_SECONDS)
      theirs = await restartTimes(apache, nodes, runs, async (folder) => {
        try {
          theirSets = await apacheUnderSnapshot(apache, folder, nodes)
        } catch (error) {
          if (!(error instanceof Error)) throw error
          report.notes.push(`Apache ZooKeeper's sets under a snapshot: ${error.message}`)
        }
      })
    }
    restarts(report, tree, ours, theirs)
    plan.saved()
    plan.step(`${tree}: a snapshot under load`, SNAPSHOT_SECONDS)
    const rows: Row[] = []
    await runBench('scaling/main.js', ['--json', '--only', 'memory', '--largest', String(nodes)], (value) => {
      rows.push(value as Row)
    })
    report.scaling.push(...rows)
    snapshots(report, rows, theirSets)
  },
}
