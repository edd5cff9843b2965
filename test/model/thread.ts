/** A thread of a search: one shard, driven by messages (parallel.ts). */
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { loadCore } from './exposed-core.ts'
import { Shard } from './shard.ts'
import type { Found, Hashed, Subject } from './shard.ts'
import type { StoreMemory } from './store.ts'
import { listOf } from './tables.ts'
import { cellsOf } from './world.ts'

/** What a thread is told at its birth. */
export interface ThreadData {
  readonly core: string
  readonly memory: StoreMemory
  readonly subject: Subject
  readonly index: number
  readonly count: number
  /** To the other shards; none to itself. */
  readonly ports: readonly (MessagePort | null)[]
  /** One cell: not 0 once the search is to end. */
  readonly over: SharedArrayBuffer
  /** One cell for each shard: states it has. */
  readonly states: SharedArrayBuffer
}

/** What a thread is asked. */
export type Order = { readonly kind: 'layer' } | { readonly kind: 'origin', readonly index: number }

/** What it answers: it has expanded a layer and taken in what the others sent; or where a state came from. */
export type Report =
  | {
    readonly kind: 'layer', readonly waiting: number, readonly left: number, readonly late: number,
    readonly found: Found | null,
    readonly states: number, readonly transitions: number, readonly localStates: number, readonly coreSteps: number,
  }
  | { readonly kind: 'origin', readonly parent: number, readonly action: number }

/** States sent at a time. */
const CHUNK = 2_048

const { core: url, memory, subject, index, count, ports, over, states } = workerData as ThreadData
const shard = new Shard(await loadCore(url), memory, subject, index, count)
const isOver = new Int32Array(over)
const sizes = new Int32Array(states)
const cells = cellsOf(subject.size)
const width = cells + 4
const outboxes = ports.map(() => ({ rows: new Int32Array(CHUNK * width), length: 0 }))

function flush(to: number): void {
  const { rows, length } = outboxes[to]!
  if (length === 0) return
  const sent = rows.slice(0, length * width)
  ports[to]!.postMessage(sent, [sent.buffer])
  outboxes[to]!.length = 0
}

function send(to: number, state: Hashed, parent: number, action: number): void {
  const outbox = outboxes[to]!
  const at = outbox.length++ * width
  outbox.rows.set(state.cells, at)
  outbox.rows[at + cells] = state.low
  outbox.rows[at + cells + 1] = state.high
  outbox.rows[at + cells + 2] = parent
  outbox.rows[at + cells + 3] = action
  if (outbox.length === CHUNK) flush(to)
}

function take(rows: Int32Array): void {
  for (let at = 0; at < rows.length; at += width) {
    const state = {
      cells: listOf(rows, at, cells), low: rows[at + cells]!, high: rows[at + cells + 1]!,
    }
    shard.offer(state, rows[at + cells + 2]!, rows[at + cells + 3]!)
  }
}

let left = 0
let found: Found | null = shard.begin()
/** Layers that this shard was asked to expand, has expanded, has reported; and those that each other shard has. */
let [asked, ended, reported] = [0, 0, 0]
const heard = ports.map(() => 0)
/** What a faster shard has already sent of the next layer but one. */
const early: Int32Array[] = []

function report(): void {
  const isAll = ports.every((port, from) => port === null || heard[from]! >= asked)
  if (reported === asked || ended < asked || !isAll) return
  reported++
  parentPort!.postMessage({
    kind: 'layer', waiting: shard.waiting, left, late: shard.ensemble.late, found, states: shard.states,
    transitions: shard.transitions,    localStates: shard.machines.states, coreSteps: shard.machines.steps,
  } satisfies Report)
}

function expand(): void {
  asked++
  shard.turn()
  for (const rows of early.splice(0)) take(rows)
  if (found === null) {
    const result = shard.expand(() => {
      sizes[index] = shard.states
      return Atomics.load(isOver, 0) !== 0
    }, send)
    found = result.found
    left = result.left
  }
  ended++
  for (const [to, port] of ports.entries()) {
    if (port === null) continue
    flush(to)
    port.postMessage(null)
  }
  report()
}

for (const [from, port] of ports.entries()) {
  port?.on('message', (rows: Int32Array | null) => {
    if (rows === null) {
      heard[from]!++
      report()
    } else if (heard[from]! < asked) take(rows)
    else early.push(rows)
  })
}

parentPort!.on('message', (order: Order) => {
  if (order.kind === 'layer') expand()
  else parentPort!.postMessage({ kind: 'origin', ...shard.origin(order.index) } satisfies Report)
})
