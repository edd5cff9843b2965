/**
 * What an object does when one operation comes after another: the specification against which a history is judged.
 * States, inputs and outputs are values that JSON can say, unless the model brings functions of its own.
 */
export interface Model<State, Input, Output> {
  /** The object before the first operation. */
  readonly initial: (key: string) => State
  /** What the operation makes of the state, and what it gives. Must change neither of its arguments. */
  readonly apply: (state: State, input: Input) => { readonly state: State, readonly output: Output }
  /** Whether what an operation gave is what it should have given. The same JSON when left out. */
  readonly agrees?: (given: Output, due: Output) => boolean
  /** Equal for equal states, and for no others. JSON when left out. */
  readonly identify?: (state: State) => string
}

/** What can be done to a register. */
export type RegisterInput<Value> =
  | { readonly kind: 'read' }
  | { readonly kind: 'write', readonly value: Value }
  | { readonly kind: 'cas', readonly from: Value, readonly to: Value }

/** What a register gives: a read its value, a write null, a compare-and-set whether it was done. */
export type RegisterOutput<Value> = Value | boolean | null

/** A register with compare-and-set; values are compared as JSON. */
export function registerModel<Value>(initial: Value): Model<Value, RegisterInput<Value>, RegisterOutput<Value>> {
  return {
    initial: () => initial,
    apply: (state, input) => {
      if (input.kind === 'read') return { state, output: state }
      if (input.kind === 'write') return { state: input.value, output: null }
      const isSame = JSON.stringify(state) === JSON.stringify(input.from)
      return { state: isSame ? input.to : state, output: isSame }
    },
  }
}

/** A znode as its data operations know it; null where there is none. */
export type ZnodeState = { readonly value: string, readonly version: number } | null

/** What can be done to a znode. Version -1 stands for any. */
export type ZnodeInput =
  | { readonly kind: 'get' }
  | { readonly kind: 'create', readonly value: string }
  | { readonly kind: 'set', readonly value: string, readonly version: number }
  | { readonly kind: 'delete', readonly version: number }

/** What it answers: what was read, the version written, or the code of an error that tells of its state. */
export type ZnodeOutput =
  | { readonly value: string, readonly version: number }
  | { readonly version: number }
  | { readonly done: true }
  | { readonly error: 'NoNode' | 'NodeExists' | 'BadVersion' }

/**
 * One znode without children: a register with compare-and-set by version, that can be created and deleted. There is
 * none in the beginning. Its history is linearizable if reads come after a `sync` of the same session.
 */
export const znodeModel: Model<ZnodeState, ZnodeInput, ZnodeOutput> = {
  initial: () => null,
  apply: (state, input) => {
    const refused = (error: 'NoNode' | 'NodeExists' | 'BadVersion'): { state: ZnodeState, output: ZnodeOutput } =>
      ({ state, output: { error } })
    if (input.kind === 'create') {
      if (state !== null) return refused('NodeExists')
      return { state: { value: input.value, version: 0 }, output: { done: true } }
    }
    if (state === null) return refused('NoNode')
    if (input.kind === 'get') return { state, output: state }
    if (input.version !== -1 && input.version !== state.version) return refused('BadVersion')
    if (input.kind === 'delete') return { state: null, output: { done: true } }
    const version = state.version + 1
    return { state: { value: input.value, version }, output: { version } }
  },
  identify: (state) => state === null ? '' : `${state.version} ${state.value}`,
  agrees: (given, due) => {
    const same = (name: 'value' | 'version' | 'error' | 'done'): boolean =>
      (given as Readonly<Record<string, unknown>>)[name] === (due as Readonly<Record<string, unknown>>)[name]
    return same('value') && same('version') && same('error') && same('done')
  },
}
