import { makeRandom } from '../../../lib/core/random.ts'
import type { Random } from '../../../lib/core/random.ts'
import type { Script } from '../../../lib/testing/sim/script.ts'
import { TINY, convergeWith, plain, started } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** Long enough for an election, a few writes and another election in the middle of something. */
const ACTS = 16
/** From a moment within a turn to what the others take to give up a leader. */
const PASSES_MS: readonly number[] = [1, 20, 60, 200, 700, 1_500, 3_200]

/** What happens at random to a script; where an act is not possible nothing happens. */
class ShortRun {
  readonly #script: Script
  readonly #random: Random
  readonly #ids: readonly number[]
  #conn = 0

  constructor(script: Script, random: Random) {
    this.#script = script
    this.#random = random
    this.#ids = [...script.peers.keys()]
  }

  #any(): number {
    return this.#ids[this.#random.below(this.#ids.length)]!
  }

  act(): void {
    const script = this.#script
    const [one, other] = [this.#any(), this.#any()]
    switch (this.#random.below(10)) {
      case 0: case 1: case 2: this.#write(); break
      case 3: if (script.peer(one).replica === null) script.up(one); else script.crash(one); break
      case 4: if (one !== other) script.cut(one, other); break
      case 5: if (this.#random.below(2) === 0) script.heal(); else script.isolate(one); break
      case 6: script.hold(one); break
      case 7: if (this.#random.below(2) === 0) script.release(one); else script.complete(one); break
      case 8: this.#lose(); break
      default: break
    }
    script.pass(PASSES_MS[this.#random.below(PASSES_MS.length)]!)
  }

  /** The links of the leader break while what it was asked to write is on its way to others. */
  #lose(): void {
    const script = this.#script
    const { leader } = script
    if (leader === 0) return
    const conn = ++this.#conn
    script.connect(leader, conn)
    script.tap = (from, _to, message) => from === leader && message.kind === 'proposal' ? [] : [message]
    for (const name of ['a', 'b']) if (script.connected.has(conn)) script.write(leader, conn, `/lost${conn}-${name}`)
    script.isolate(leader)
    plain(script)
  }

  /** One to three, by a client of its own, if that peer serves. */
  #write(): void {
    const script = this.#script
    const id = this.#any()
    if (script.peer(id).replica?.serving !== true) return
    const conn = ++this.#conn
    script.connect(id, conn)
    for (let left = 1 + this.#random.below(3); left > 0 && script.connected.has(conn); left--) {
      script.write(id, conn, `/n${conn}-${left}`)
    }
  }
}

/** A few seconds of a small ensemble to which things happen at random, crashes and cuts among them. */
export function shortRun(seed: number): Scenario {
  return {
    name: `short run ${seed}`,
    run: (options) => {
      const random = makeRandom(seed ^ 0x5407)
      const voters = random.below(3) === 0 ? 5 : 3
      const observers = random.below(4) === 0 ? 1 : 0
      const limits = random.below(2) === 0 ? TINY : {}
      const ids = Array.from({ length: voters }, (_, at) => at + 1)
      const script = started(voters, { ...options, observers, limits }, ...ids)
      if (observers > 0) script.up(voters + 1)
      const run = new ShortRun(script, random)
      for (let left = ACTS; left > 0; left--) run.act()
      convergeWith(script, [])
      return script
    },
    mutants: [],
  }
}
