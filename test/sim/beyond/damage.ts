import type { Random } from '../../../lib/core/random.ts'
import type { SimDisk } from '../../../lib/testing/sim/disk.ts'
import type { SimWorld } from '../../../lib/testing/sim/world.ts'

/**
 * Beyond the guarantee. rot: of any number of disks at once, and their storages know. seen: disks go back to an old
 * image, as those do that said written and had not, or whose files come from a copy; the marker beside them tells.
 * unseen: the marker went back too, or what is lost is younger than it.
 */
export type Beyond = 'rot' | 'seen' | 'unseen'

/** An image of every disk is kept so often, and so many of them. */
const IMAGE_MS = 3_000
const IMAGES_MAX = 5

/** Damages more disks than may be, again and again, within the storm. */
export class Damage {
  readonly #world: SimWorld
  readonly #random: Random
  readonly #kind: Beyond
  readonly #images = new Map<number, SimDisk[]>()
  #isOver = false
  strikes = 0

  constructor(world: SimWorld, random: Random, kind: Beyond, stormMs: number) {
    this.#world = world
    this.#random = random
    this.#kind = kind
    for (const id of world.peers) this.#images.set(id, [])
    if (kind !== 'rot') this.#keep()
    for (let atMs = 0; ;) {
      atMs += 8_000 + random.below(25_000)
      if (atMs >= stormMs) break
      world.events.at(atMs, () => this.#strike())
    }
    world.events.at(stormMs, () => { this.#isOver = true })
  }

  #keep(): void {
    for (const [id, images] of this.#images) {
      images.push(this.#world.servers.get(id)!.disk.copy())
      if (images.length > IMAGES_MAX) images.shift()
    }
    this.#world.events.after(IMAGE_MS, () => { if (!this.#isOver) this.#keep() })
  }

  /** One, some, or all of them, at once; they are back one after another. */
  #strike(): void {
    const { peers, events } = this.#world
    const random = this.#random
    if (this.#isOver || this.#world.ghost.commits === 0) return
    const roll = random.below(6)
    const one = peers[random.below(peers.length)]!
    const victims = roll < 3 ? [one] : roll === 3 ? [...peers] : peers.filter(() => random.below(3) > 0)
    for (const id of victims) {
      this.strikes++
      if (this.#kind === 'rot') this.#world.rot(id, random)
      else {
        const images = this.#images.get(id)!
        this.#world.restore(id, images[random.below(images.length)]!, this.#kind === 'seen')
      }
      events.after(random.unit() * 3_000, () => this.#world.start(id))
    }
  }
}
