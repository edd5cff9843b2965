import type { SampleFigures } from '../recipes/sample.ts'
import { VIVARIUM } from '../servers.ts'
import { beside } from './beside.ts'
import { runBench } from './child.ts'
import type { Extent, Section } from './section.ts'

const ALONE = ['memory', 'cache']
/** Those that any server of the protocol serves; what kazoo does is left to `bench:recipes`, which may install it. */
const ON_SERVERS = ['tcp', 'crowd', 'death']
/** Besides what `--seconds` and `--rounds` say: servers that start, sessions that expire, a cache that is filled. */
const ALONE_SECONDS = 25
const ON_SERVERS_SECONDS = 20

/** Four measurements in the process, two over TCP, each after a warm-up. */
const aloneSeconds = ({ seconds }: Extent): number => ALONE_SECONDS + 4 * (seconds + 0.5)
const onServersSeconds = ({ seconds, runs }: Extent): number => ON_SERVERS_SECONDS + 2 * (seconds + 0.5) + runs / 2

/** Locks alone, handed over and left behind, and a cache that catches up. */
export const recipes: Section = {
  seconds: (plan) => aloneSeconds(plan) + (plan.apache === null ? 1 : 2) * onServersSeconds(plan),
  measure: async (report, plan) => {
    const figures: SampleFigures[] = []
    const extent = ['--seconds', String(plan.seconds), '--rounds', String(plan.runs)]
    const run = async (what: string, seconds: number, args: readonly string[]): Promise<void> => {
      plan.step(`recipes, ${what}`, seconds)
      await runBench('recipes/main.js', [...extent, ...args], (value) => { figures.push(value as SampleFigures) })
      report.recipes.splice(0, report.recipes.length, ...beside(figures, VIVARIUM.name))
      plan.saved()
    }
    const nodes = Math.min(100_000, plan.largest)
    await run('in the process', aloneSeconds(plan), ['--only', ALONE.join(','), '--nodes', String(nodes)])
    await run('over TCP', onServersSeconds(plan), ['--only', ON_SERVERS.join(',')])
    if (plan.apache === null) return
    await run('over TCP with Apache ZooKeeper', onServersSeconds(plan), ['--only', ON_SERVERS.join(','), '--apache'])
  },
}
