/** Learners that get less than is written: what their clients see, and how late. */
import { strict as assert } from 'node:assert'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { SlowLinks } from '../graphs/slow-links.ts'
import { A, B, C, convergeWith, must, started } from './scenario.ts'
import type { RunOptions, Scenario, Section } from './scenario.ts'

/** A few txns at a time are on their way to a learner. */
const NARROW = { linkWindowBytes: 1, syncChunkBytes: 300, syncChunksInFlight: 1 } as const
/** Snapshots are taken often, and little is kept behind them. */
const SHORT = { snapshotTxns: 20, retainedTxns: 5, retainedBytes: 500 } as const
const LOGGED_MOST = 50
/** Shorter than A is out of service. */
const SESSION_MS = 1_000
/** Messages to A and from it take so long. */
const LAG_MS = 50
/** One write in so long is more than A gets. */
const EVERY_MS = 20

function slowA(script: Script): SlowLinks {
  return new SlowLinks(script, (from, to) => ({ lagMs: from === A || to === A ? LAG_MS : 0, isLost: false }))
}

/** Writes for so long; asks after each one. */
function writeFor(script: Script, links: SlowLinks, ms: number, seen: () => void): void {
  const endMs = script.ms + ms
  for (let i = 0; script.ms < endMs; i++) {
    script.write(C, 1, `/at-${script.ms}`)
    links.passUntil(script.ms + EVERY_MS)
    seen()
  }
}

function trims(script: Script): void {
  const { log } = script.replica(A).journal
  must(log.length <= LOGGED_MOST, 'L5', `A keeps ${log.length} txns, served or not`)
}

/** Nothing is on its way any more: links deliver at once from here on. */
function settles(script: Script, links: SlowLinks): void {
  const isLevel = (): boolean => script.replica(A).tree.zxid === script.replica(C).tree.zxid
  must(links.passUntil(script.ms + 2_000, isLevel), 'L6', 'A does not catch up')
  links.passUntil(script.ms + 4 * LAG_MS)
}

const behindForLong: Scenario = {
  name: 'S-narrow-window who is behind for too long serves nobody until it has caught up, and follows all the while',
  run: (options: RunOptions) => {
    const script = started(3, { ...options, limits: { ...NARROW, ...SHORT } }, A, B, C)
    script.connect(C, 1)
    script.connect(A, 2, SESSION_MS)
    const session = script.replica(A).clients.sessionOf(2)!
    const { syncMs } = script.replica(A).config.timing
    const links = slowA(script)
    let pauses = 0
    let late = Infinity
    writeFor(script, links, 4 * syncMs, () => {
      if (script.replica(A).serving) late = Infinity
      else if (late === Infinity) {
        late = script.ms
        pauses++
        // Its client is of A's process: it waits there.
        script.resume(A, 3, 2)
      }
      trims(script)
      assert.ok(script.replica(A).learner?.stage === 'upToDate', 'it follows')
    })
    must(pauses === 1, 'C16', `A went out of service ${pauses} times while it fell behind`)
    must(!script.connected.has(2), 'C16', 'its client is served all the while')
    links.passUntil(script.ms + 8 * syncMs, () => {
      trims(script)
      return script.replica(A).serving
    })
    must(script.replica(A).serving, 'L3', 'A serves when it has caught up')
    must(script.replica(C).tree.sessions.has(session), 'L7', 'a session of the process of A was closed')
    settles(script, links)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'servesBehind', seenBy: ['C16'] }],
}

const farBehind: Scenario = {
  name: 'S-held-back a learner for which much is held serves once it has what was committed at UPTODATE',
  run: (options: RunOptions) => {
    const script = started(3, { ...options, limits: NARROW }, B, C)
    script.connect(C, 1)
    for (let i = 0; i < 10; i++) script.write(C, 1, `/before-${i}`)
    const links = slowA(script)
    script.up(A)
    let through = 0
    // All of them are written while A is brought up, so they are held for it when it is told to serve.
    links.passUntil(script.ms + 20_000, () => {
      if (script.replica(A).learner?.stage === 'syncing' && through < 10) script.write(C, 1, `/meanwhile-${through++}`)
      return script.replica(A).learner?.stage === 'upToDate'
    })
    const told = script.replica(C).tree.zxid
    assert.ok(script.replica(A).journal.log.last < told, 'some is held for A')
    links.passUntil(script.ms + 20_000, () => script.replica(A).serving)
    must(script.replica(A).tree.zxid >= told, 'C16', 'A serves without what was committed when it was told to')
    settles(script, links)
    convergeWith(script, [])
    return script
  },
  mutants: [{ mutant: 'servesFarBehind', seenBy: ['C16'] }],
}

/** The parts of C16 that windows make. */
export const LAG: Section = [behindForLong, farBehind]
