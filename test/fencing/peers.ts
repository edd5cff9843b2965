import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../ports.ts'
import { Victim } from './process.ts'

const COMMAND = fileURLToPath(new URL('../../dist/node/lib/cli/main.js', import.meta.url))
const PEERS = 3

/** Three peers, each a `vivarium serve zoo.cfg` with LevelDB. */
export class Peers {
  /** For clients. */
  readonly address: string
  readonly #folder: string
  readonly #onWrong: (what: string) => void
  readonly #running: Victim[] = []

  static async start(folder: string, onWrong: (what: string) => void): Promise<Peers> {
    const ports = await freePorts(PEERS * 3)
    const at = (peer: number, which: number): number => ports[peer * 3 + which]!
    const all = Array.from({ length: PEERS }, (_, index) => index)
    for (const index of all) {
      const home = join(folder, `peer-${index + 1}`)
      mkdirSync(home)
      writeFileSync(join(home, 'myid'), String(index + 1))
      writeFileSync(`${home}.cfg`, [
        'tickTime=500', 'initLimit=10', 'syncLimit=4', 'minSessionTimeout=1000', 'maxClientCnxns=0',
        `dataDir=${home}`, `clientPort=${at(index, 0)}`, 'clientPortAddress=127.0.0.1',
        ...all.map((peer) => `server.${peer + 1}=127.0.0.1:${at(peer, 1)}:${at(peer, 2)}`), '',
      ].join('\n'))
    }
    return new Peers(folder, `zk://${all.map((peer) => `127.0.0.1:${at(peer, 0)}`).join(',')}`, onWrong)
  }

  private constructor(folder: string, address: string, onWrong: (what: string) => void) {
    this.#folder = folder
    this.address = address
    this.#onWrong = onWrong
    for (let index = 0; index < PEERS; index++) this.run(index)
  }

  get all(): readonly Victim[] {
    return this.#running
  }

  /** Starts the peer, counted from 0, which is not running. */
  run(index: number): void {
    const victim = new Victim(`peer ${index + 1}`, [COMMAND, 'serve', join(this.#folder, `peer-${index + 1}.cfg`)],
      this.#onWrong)
    // What it prints is of no interest, and must not fill the pipe.
    victim.child.stdout!.resume()
    this.#running[index] = victim
  }
}
