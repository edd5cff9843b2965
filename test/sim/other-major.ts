import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { SeedResult } from '../../lib/testing/sim/run.ts'
import type { Job } from './breeder.ts'
import { otherNode } from './other-node.ts'
import type { NoOtherNode, OtherNode } from './other-node.ts'
import type { Done } from './worker.ts'

/** What came of it. */
export interface Agreement {
  /** One line that says what was compared, or why nothing was. */
  readonly text: string
  readonly differing: readonly number[]
  /** Everything that is wrong counts: seeds that differ, and a Node that should have been there. */
  readonly failed: number
}

/**
 * Runs seeds once more on another major of Node (correctness plan, F.7): the same seed must come to the same there, to
 * the last event, or what is found on one machine cannot be looked at on another.
 */
export class OtherMajor {
  readonly #args: readonly string[]
  readonly #finding: Promise<OtherNode | NoOtherNode>
  readonly #differing: number[] = []
  #child: ChildProcess | null = null
  #compared = 0
  #last: Promise<void> = Promise.resolve()

  /** Begins to look for it. `find` is for tests. */
  constructor(mutant: string | undefined, find: () => Promise<OtherNode | NoOtherNode> = otherNode) {
    this.#args = mutant === undefined ? [] : [mutant]
    this.#finding = find()
  }

  /** What a seed came to here, played that way. It is run there beside whatever else is done. */
  add(result: Pick<SeedResult, 'seed' | 'fingerprint'>, how: Omit<Job, 'seed'> = {}): void {
    this.#last = this.#last.then(() => this.#compare(result, how))
    // Told at the end.
    this.#last.catch((error: unknown) => void error)
  }

  /** Resolves when all of them have been run. */
  async finish(): Promise<Agreement> {
    const found = await this.#finding
    if ('reason' in found) {
      const text = `not compared with another major of Node: ${found.reason}`
      return { text, differing: [], failed: found.isFailure ? 1 : 0 }
    }
    let trouble = ''
    try {
      await this.#last
    } catch (error) {
      trouble = `; ${(error as Error).message}`
    } finally {
      if (this.#child?.connected === true) this.#child.disconnect()
    }
    const differing = this.#differing
    const what = differing.length === 0 ? 'the same' : `different for ${differing.join(', ')}`
    return {
      text: `${this.#compared} seeds run on ${process.version} and on ${found.version}: ${what}${trouble}`,
      differing, failed: differing.length + (trouble === '' ? 0 : 1),
    }
  }

  async #compare(
    { seed, fingerprint }: Pick<SeedResult, 'seed' | 'fingerprint'>, how: Omit<Job, 'seed'>,
  ): Promise<void> {
    const found = await this.#finding
    if ('reason' in found) return
    const child = this.#child ??= fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), this.#args,
      { execPath: found.path, execArgv: ['--import', 'tsx'] })
    const { result: there } = await new Promise<Done>((resolve, reject) => {
      const fail = (what: unknown): void => reject(new Error(`${found.version} ended at seed ${seed}: ${String(what)}`))
      child.removeAllListeners().on('message', resolve).on('error', fail).on('exit', fail)
      child.send({ ...how, seed } satisfies Job)
    })
    this.#compared += 1
    if (there.fingerprint !== fingerprint) this.#differing.push(seed)
  }
}
