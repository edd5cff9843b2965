import type { Random } from '../../core/random.ts'

/** Directed ways on which nothing gets through any more. */
export type Ways = readonly (readonly [from: number, to: number])[]

const SHAPES = ['one', 'one', 'halves', 'one way', 'leader', 'deaf leader', 'bridge', 'ring', 'ways', 'all'] as const

/** One shape of a partition; `leader` is undefined when nobody leads. */
export function drawPartition(random: Random, peers: readonly number[], leader: number | undefined): Ways {
  const ways: [number, number][] = []
  const cut = (from: readonly number[], to: readonly number[], both: boolean): void => {
    for (const a of from) for (const b of to) if (a !== b) {
      ways.push([a, b])
      if (both) ways.push([b, a])
    }
  }
  const one = peers[random.below(peers.length)]!
  const half = peers.filter(() => random.below(2) === 0)
  const rest = peers.filter((id) => !half.includes(id))
  switch (SHAPES[random.below(SHAPES.length)]!) {
    case 'one': cut([one], peers, true); break
    case 'halves': cut(half, rest, true); break
    case 'one way': cut(half, rest, false); break
    case 'leader': cut([leader ?? one], peers, random.below(2) === 0); break
    case 'deaf leader': cut(peers, [leader ?? one], false); break
    case 'bridge': cut(half.filter((id) => id !== one), rest.filter((id) => id !== one), true); break
    case 'ring':
      for (const [at, a] of peers.entries()) for (const [to, b] of peers.entries()) {
        const apart = Math.abs(at - to)
        if (apart > 1 && apart < peers.length - 1) cut([a], [b], false)
      }
      break
    case 'ways': for (const a of peers) for (const b of peers) if (random.below(3) === 0) cut([a], [b], false); break
    case 'all': cut(peers, peers, false); break
  }
  return ways
}
