/** This package's side of the meeting with Curator's service discovery: it does what the Java program orders. */
import { connect } from '../../../lib/node.ts'
import type { Client } from '../../../lib/node.ts'
import { discover, register, services } from '../../../lib/recipes/index.ts'
import type { Discovery, Instance, Registration } from '../../../lib/recipes/index.ts'

/** What Java's instances carry. */
interface Payload {
  readonly zone: string
}

const LIMIT_MS = 20_000

/** One service `web`, with an instance of this program's, and the list as it is seen here. */
export class OurServices {
  readonly #address: string
  #zk: Client | null = null
  #ours: Registration | null = null
  #web: Discovery<Payload> | null = null

  constructor(hosts: readonly string[]) {
    this.#address = `zk://${hosts.join(',')}`
  }

  /** Does what is ordered; throws when what it sees is not what it should. */
  async obey(order: string, basePath: string): Promise<void> {
    if (order === 'join') await this.#join(basePath)
    else if (order === 'update') await this.#ours?.update({ port: 8081, payload: { zone: 'c' } })
    else if (order === 'see') await this.#see()
    else if (order === 'alone') await this.#list((all) => all.map(({ id }) => id).join() === 'js')
    else if (order === 'drain') await this.#drain()
    else throw new Error(`what is '${order}'?`)
  }

  async #join(basePath: string): Promise<void> {
    const zk = this.#zk = await connect(this.#address)
    this.#web = await discover<Payload>(zk, basePath, 'web', { strategy: { nearest: { zone: 'a' } } })
    this.#ours = await register(zk, basePath, {
      name: 'web', id: 'js', address: '10.0.0.2', port: 8080, sslPort: 8443, payload: { zone: 'b' }, weight: 2,
      uriSpec: '{scheme}://{address}:{port}/{name}',
    })
    const names = await services(zk, basePath)
    if (names.join() !== 'web') throw new Error(`services here: ${names.join()}`)
  }

  /** Java's instance, with all it says. */
  async #see(): Promise<void> {
    await this.#web?.caughtUp()
    const all = await this.#list((some) => some.length === 2)
    const java = all.find(({ id }) => id === 'java')
    const seen = [java?.address, java?.port, java?.payload.zone, java?.uri(), java?.serviceType, java?.enabled].join()
    if (seen !== '10.0.0.1,80,a,http://10.0.0.1:80/web,DYNAMIC,true') throw new Error(`Java's instance here: ${seen}`)
    const picked = await this.#web?.pick()
    if (picked?.id !== 'java') throw new Error(`the nearest is ${picked?.id}`)
    if (this.#web?.invalid.size !== 1) throw new Error(`${this.#web?.invalid.size} are no instances`)
  }

  #list(isIt: (all: readonly Instance<Payload>[]) => boolean): Promise<readonly Instance<Payload>[]> {
    return new Promise((resolve, reject) => {
      const web = this.#web
      if (web === null) return reject(new Error('join first'))
      if (isIt(web.instances)) return resolve(web.instances)
      const fail = (): void =>
        reject(new Error(`not within ${LIMIT_MS} ms: ${web.instances.map(({ id }) => id).join()}`))
      AbortSignal.timeout(LIMIT_MS).addEventListener('abort', fail, { once: true })
      const off = web.on('change', (all) => {
        if (!isIt(all)) return
        off()
        resolve(all)
      })
    })
  }

  async #drain(): Promise<void> {
    const isDone = await this.#ours?.drain({ waitMs: 1_000 })
    if (isDone !== true) throw new Error('there was no work to wait for')
  }

  async close(): Promise<void> {
    await this.#web?.close()
    await this.#zk?.close()
  }
}
