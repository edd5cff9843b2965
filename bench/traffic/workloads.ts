/** What every request of a workload does. */
export type Operation = 'get' | 'set' | 'create' | 'mixed'

/** One kind of load; `depth` requests of each connection are in flight. */
export interface Workload {
  readonly name: string
  readonly operation: Operation
  readonly connections: number
  readonly depth: number
  readonly valueBytes: number
}

function pipelined(operation: Operation): Workload {
  return { name: `${operation}-pipelined`, operation, connections: 12, depth: 100, valueBytes: 100 }
}

function single(operation: Operation): Workload {
  return { name: `${operation}-single`, operation, connections: 1, depth: 1, valueBytes: 100 }
}

function thousand(operation: Operation): Workload {
  return { name: `${operation}-1000-clients`, operation, connections: 999, depth: 1, valueBytes: 1_024 }
}

/** The nine; `mixed` is nine reads to one write. */
export const WORKLOADS: readonly Workload[] = [
  pipelined('get'), pipelined('set'), pipelined('create'), pipelined('mixed'),
  single('get'), single('set'),
  thousand('get'), thousand('set'), thousand('mixed'),
]

/** The workloads of these names; all of them for none. Throws for a name that there is not. */
export function workloads(names: string): readonly Workload[] {
  const wanted = names === '' ? WORKLOADS.map(({ name }) => name) : names.split(',')
  return wanted.map((name) => {
    const found = WORKLOADS.find((workload) => workload.name === name)
    if (found !== undefined) return found
    throw new Error(`no workload named ${name}; there are ${WORKLOADS.map((workload) => workload.name).join(', ')}`)
  })
}
