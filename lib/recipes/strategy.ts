import type { Instance } from './instance.ts'
import type { Chance } from './unique-id.ts'

/** Chooses one of the instances, which are sorted by their ids; undefined: none of them, and others are waited for. */
export type Choose<P = unknown> = (instances: readonly Instance<P>[]) => Instance<P> | undefined

/**
 * How an instance is chosen among those that are there.
 *
 * - `roundRobin`: one after the other, beginning anywhere. Comers and goers disturb nobody's turn.
 * - `random`: each with the same chance.
 * - `weighted`: each in proportion to its weight, evenly spread; those of weight 0 when there are no others.
 * - `sticky`: the same one for as long as it is there; `{ sticky: … }` chooses the next one in another way.
 * - `{ nearest: { zone: 'a', region: 'eu' }, among: … }`: one of those whose tags agree most, the first tag counting
 *   more than all that follow it.
 */
export type Strategy<P = unknown> = 'roundRobin' | 'random' | 'weighted' | 'sticky' |
  { readonly sticky: Strategy<P> } |
  { readonly nearest: Readonly<Record<string, string>>, readonly among?: Strategy<P> } | Choose<P>

/** Makes a chooser, with a memory of its own. Throws TypeError for what is no strategy. */
export function chooserOf<P>(strategy: Strategy<P>, from: Chance): Choose<P> {
  if (typeof strategy === 'function') return strategy
  if (strategy === 'roundRobin') return roundRobin(from)
  if (strategy === 'random') return (instances) => instances[Math.floor(from.random() * instances.length)]
  if (strategy === 'weighted') return weighted(from)
  if (strategy === 'sticky') return sticky(roundRobin(from))
  if (typeof strategy === 'object' && strategy !== null) {
    if ('sticky' in strategy) return sticky(chooserOf(strategy.sticky, from))
    if ('nearest' in strategy && typeof strategy.nearest === 'object' && strategy.nearest !== null) {
      return nearest(strategy.nearest, chooserOf(strategy.among ?? 'roundRobin', from))
    }
  }
  throw new TypeError('strategy must be roundRobin, random, weighted, sticky, { sticky }, { nearest } or a function')
}

function roundRobin<P>(from: Chance): Choose<P> {
  let last: string | null = null
  return (instances) => {
    const before = last
    // Many programs that start at once do not all begin with the same one.
    const next = before === null ? instances[Math.floor(from.random() * instances.length)]
      : instances.find(({ id }) => id > before) ?? instances[0]
    last = next?.id ?? last
    return next
  }
}

/** Everybody gains his weight in each round, and the richest pays for all: nginx calls it smooth. */
function weighted<P>(from: Chance): Choose<P> {
  let purses = new Map<string, number>()
  return (instances) => {
    const total = instances.reduce((sum, { weight }) => sum + weight, 0)
    const weightOf = ({ weight }: Instance<P>): number => (total === 0 ? 1 : weight)
    const sum = total === 0 ? instances.length : total
    const before = purses
    purses = new Map()
    let richest: Instance<P> | undefined
    for (const instance of instances) {
      const weight = weightOf(instance)
      if (weight === 0) continue
      const purse = (before.get(instance.id) ?? from.random() * weight) + weight
      purses.set(instance.id, purse)
      if (richest === undefined || purse > (purses.get(richest.id) ?? 0)) richest = instance
    }
    if (richest !== undefined) purses.set(richest.id, (purses.get(richest.id) ?? 0) - sum)
    return richest
  }
}

function sticky<P>(choose: Choose<P>): Choose<P> {
  let last: string | null = null
  return (instances) => {
    const chosen = instances.find(({ id }) => id === last) ?? choose(instances)
    last = chosen?.id ?? last
    return chosen
  }
}

function nearest<P>(tags: Readonly<Record<string, string>>, choose: Choose<P>): Choose<P> {
  const wanted = Object.entries(tags)
  const nearness = (instance: Instance<P>): number =>
    wanted.reduce((sum, [name, value]) => sum * 2 + (instance.tag(name) === value ? 1 : 0), 0)
  return (instances) => {
    const scores = instances.map(nearness)
    const best = Math.max(...scores)
    return choose(instances.filter((_, index) => scores[index] === best))
  }
}
