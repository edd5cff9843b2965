import { strict as assert } from 'node:assert'
import { Script } from '../../../lib/testing/sim/script.ts'
import type { ScriptOptions } from '../../../lib/testing/sim/script-config.ts'
import { Violation } from '../../../lib/testing/sim/violation.ts'
import type { Message } from '../../../lib/core/zab/messages.ts'
import { makeTxnCodec } from '../../../lib/wire/txn.ts'

/** Peers by the letters of the correctness plan; of equal logs the highest id leads. */
export const [A, B, C, D, E] = [1, 2, 3, 4, 5] as const

const codec = makeTxnCodec()

/** A known bug that the scenario must see. */
export interface Mutant {
  readonly mutant: string
  /** Checks that are left out, so that the bug shows its consequences instead of itself. */
  readonly ignore?: readonly string[]
  /** Checks of which one must see it. */
  readonly seenBy: readonly string[]
}

/** What a run of a scenario may be given: a mutant, checks to leave out, a script that is watched. */
export interface RunOptions extends Partial<ScriptOptions> {
  /** So many are made where a scenario makes as many nodes as there may be. */
  readonly nodes?: number
  /** Called with the script before it starts. */
  readonly begin?: (script: Script) => void
}

/** A hand-written schedule that holds on the real core, and the bugs it was written against. */
export interface Scenario {
  /** `S-` and the number of the known bug, or a name of the correctness plan; then what it is. */
  readonly name: string
  readonly run: (options: RunOptions) => Script
  readonly mutants: readonly Mutant[]
}

/** The section of the plan that a list of scenarios covers. */
export type Section = readonly Scenario[]

/** An ensemble that no peer of is up. */
export function empty(voters: number, options: RunOptions): Script {
  const script = new Script(codec, { voters, ...options })
  options.begin?.(script)
  return script
}

/** An ensemble whose named peers are up and led by the last of them. */
export function started(voters: number, options: RunOptions, ...ids: number[]): Script {
  const script = empty(voters, options)
  script.up(...ids)
  script.lead(Math.max(...ids))
  return script
}

/** Bounds that make every few txns a snapshot and keep next to none, in small pieces. */
export const TINY = {
  snapshotTxns: 5, retainedTxns: 1, retainedBytes: 1, syncChunkBytes: 300, syncChunksInFlight: 1,
} as const

/** Nothing is held back, dropped or watched any more. */
export function plain(script: Script): void {
  script.tap = (_from, _to, message): readonly Message[] => [message]
}

/** Each of these writes nothing more, unless told to, once it is being sent a snapshot. */
export function holdAtSnapshot(script: Script, ...ids: readonly number[]): void {
  const { tap } = script
  script.tap = (from, to, message) => {
    if (message.kind === 'snap' && ids.includes(to)) script.hold(to)
    return tap(from, to, message)
  }
}

/** Nothing that it sends arrives. */
export function mute(script: Script, id: number): void {
  script.tap = (from, _to, message) => from === id ? [] : [message]
}

/** A check of the plan fails unless this holds. */
export function must(condition: boolean, check: string, what: string): void {
  if (!condition) throw new Violation(check, what)
}

/** Everything comes back, agrees, and still knows every path that was acknowledged. */
export function convergeWith(script: Script, paths: readonly string[]): void {
  plain(script)
  script.heal()
  script.release(...script.peers.keys())
  for (const { id, replica } of script.peers.values()) {
    if (replica?.stopped === true) script.crash(id)
    if (replica === null || replica.stopped) script.up(id)
  }
  script.serve(...script.peers.keys())
  script.connect(script.leader, 900)
  script.write(script.leader, 900, `/last-${script.ms}`)
  script.pass(1_000)
  for (const { id } of script.peers.values()) {
    for (const path of paths) must(script.replica(id).tree.has(path), 'C6', `peer ${id} has lost ${path}`)
    must(script.replica(id).tree.zxid === script.replica(script.leader).tree.zxid, 'L6', `peer ${id} lags`)
  }
}

/** The leader logs writes, and its links break before anybody gets them: they are on this one disk alone. */
export function loseWrites(script: Script, leader: number, conn: number, ...paths: string[]): void {
  const before = script.peer(leader).disk.log.last
  script.tap = (_from, _to, message) => message.kind === 'proposal' ? [] : [message]
  for (const path of paths) script.write(leader, conn, path)
  script.isolate(leader)
  plain(script)
  const holders = [...script.peers.values()].filter(({ disk }) => disk.log.last > before).map(({ id }) => id)
  assert.deepEqual(holders, [leader])
}

/** Lets a peer write one record at a time until `done`, time passing in between. */
export function writeUntil(script: Script, id: number, done: () => boolean, what: string): void {
  for (let i = 0; !done() && i < 6_000; i++) if (!script.complete(id)) script.pass(1)
  assert.ok(done(), what)
}

/** Lets time pass, a millisecond at a time, until `done`. */
export function passUntil(script: Script, done: () => boolean, what: string): void {
  for (let i = 0; !done() && i < 20_000; i++) script.pass(1)
  assert.ok(done(), what)
}

/** How often a peer asked to follow somebody, from now on. */
export function countJoins(script: Script, id: number): () => number {
  let joins = 0
  const { tap } = script
  script.tap = (from, to, message) => {
    if (from === id && message.kind === 'followerInfo') joins++
    return tap(from, to, message)
  }
  return () => joins
}
