import type { Random } from '../../lib/core/random.ts'
import type {
  History, Model, Operation, RegisterInput, RegisterOutput, ZnodeInput, ZnodeOutput,
} from '../../lib/testing/index.ts'

/** What such a history is of. */
export interface Drawn<Input, Output> {
  readonly input: (random: Random) => Input
  readonly output: (input: Input, random: Random) => Output
}

/** A register with the values null, 0, 1, 2. */
export const REGISTER: Drawn<RegisterInput<number | null>, RegisterOutput<number | null>> = {
  input: (random) => {
    const kind = (['read', 'write', 'cas'] as const)[random.below(3)]!
    if (kind === 'read') return { kind }
    if (kind === 'write') return { kind, value: random.below(3) }
    return { kind, from: random.below(4) === 0 ? null : random.below(3), to: random.below(3) }
  },
  output: ({ kind }, random) => {
    if (kind === 'write') return null
    if (kind === 'cas') return random.below(2) === 0
    return random.below(4) === 0 ? null : random.below(3)
  },
}

/** A znode with few values and versions. */
export const ZNODE: Drawn<ZnodeInput, ZnodeOutput> = {
  input: (random) => {
    const kind = (['get', 'create', 'set', 'set', 'delete'] as const)[random.below(5)]!
    if (kind === 'get') return { kind }
    if (kind === 'create') return { kind, value: `${random.below(2)}` }
    if (kind === 'delete') return { kind, version: random.below(2) - 1 }
    return { kind, value: `${random.below(2)}`, version: random.below(3) - 1 }
  },
  output: ({ kind }, random) => {
    const isError = random.below(3) === 0
    if (kind === 'create') return isError ? { error: 'NodeExists' } : { done: true }
    if (isError) return { error: random.below(2) === 0 || kind === 'get' ? 'NoNode' : 'BadVersion' }
    if (kind === 'delete') return { done: true }
    if (kind === 'set') return { version: random.below(3) }
    return { value: `${random.below(2)}`, version: random.below(3) }
  },
}

/**
 * A short history of one object that no system gave: operations overlap by chance, and most outputs are what some order
 * would give, so that about as many can be explained as cannot.
 */
export function randomHistory<State, Input, Output>(
  random: Random, drawn: Drawn<Input, Output>, model: Model<State, Input, Output>,
): History<Input, Output> {
  const size = 2 + random.below(6)
  const ends: number[] = []
  for (let index = 0; index < size; index++) ends.push(index, index)
  // Few exchanges leave most operations one after the other; many let all of them overlap.
  for (let left = random.below(size * 3); left > 0; left--) {
    const at = random.below(ends.length - 1)
    const first = ends[at]!
    ends[at] = ends[at + 1]!
    ends[at + 1] = first
  }
  let state = model.initial('x')
  const inputs = Array.from({ length: size }, () => drawn.input(random))
  const order = Array.from({ length: size }, (_, index) => index)
  if (random.below(2) === 0) order.reverse()
  const outputs: Output[] = []
  for (const index of order) {
    const next = model.apply(state, inputs[index]!)
    outputs[index] = random.below(10) === 0 ? drawn.output(inputs[index]!, random) : next.output
    state = next.state
  }
  return inputs.map((input, index): Operation<Input, Output> => {
    const invoked = ends.indexOf(index)
    const returned = ends.lastIndexOf(index)
    const begin = { process: `p${index}`, key: 'x', input, invoked, invokedMs: invoked }
    const chance = random.below(10)
    if (chance === 0) return { ...begin, outcome: 'failed', returned, returnedMs: returned }
    if (chance < 3) return { ...begin, outcome: 'unknown', returned: null, returnedMs: null }
    return { ...begin, outcome: 'ok', output: outputs[index]!, returned, returnedMs: returned }
  }).toSorted((one, other) => one.invoked - other.invoked)
}

/** The same question, answered by trying every order of every choice: for short histories. */
export function isExplained<State, Input, Output>(
  history: History<Input, Output>, model: Model<State, Input, Output>,
): boolean {
  const all = history.filter(({ outcome }) => outcome !== 'failed')
  const same = model.agrees ?? ((one: Output, other: Output): boolean => JSON.stringify(one) === JSON.stringify(other))
  const explain = (state: State, left: readonly Operation<Input, Output>[]): boolean => {
    if (left.every(({ outcome }) => outcome === 'unknown')) return true
    return left.some((operation) => {
      if (left.some(({ returned }) => returned !== null && returned < operation.invoked)) return false
      const { state: next, output } = model.apply(state, operation.input)
      if (operation.outcome === 'ok' && !same(operation.output as Output, output)) return false
      return explain(next, left.filter((other) => other !== operation))
    })
  }
  return explain(model.initial('x'), all)
}
