import type { Program } from '../servers.ts'
import { ApacheSubject } from './apache-subject.ts'
import type { Row } from './row.ts'
import { rowOf } from './row.ts'
import type { Served } from './served.ts'
import { Subject } from './subject.ts'

/** How far a bench goes. */
export interface Extent {
  /** Sizes above it are left out. */
  readonly largest: number
  /** Measured instead of a peer, as far as it can be: over the protocol; null for a peer. */
  readonly apache: Program | null
  /** Tells each row as it is measured. */
  row(row: Row): void
}

/** A file of this folder. */
export interface ScalingBench {
  readonly name: string
  run(extent: Extent): Promise<void>
}

const LEAST_MS = 100
/** So many operations warm themselves up. */
const MANY = 1_000_000

/** The powers of ten from one to another, as far as the extent goes. */
export function sizes(from: number, to: number, { largest }: Extent): number[] {
  const all: number[] = []
  for (let size = from; size <= Math.min(to, Math.max(from, largest)); size *= 10) all.push(size)
  return all
}

/** Runs it with a fresh peer. */
export function withSubject(work: (subject: Subject) => Promise<void>): Promise<void> {
  return withStarted(Subject.start(), work)
}

/** Runs it with whichever server is measured, a fresh one: a `Subject` where the process itself can be asked. */
export function withServer({ apache }: Extent, work: (server: Served) => Promise<void>): Promise<void> {
  return apache === null ? withSubject(work) : withStarted(ApacheSubject.start(apache), work)
}

async function withStarted<S extends Served>(starting: Promise<S>, work: (server: S) => Promise<void>): Promise<void> {
  const server = await starting
  try {
    await work(server)
  } finally {
    await server.stop()
  }
}

/** Does `operations` operations once and reports what one of them cost. */
export async function once(
  extent: Extent, server: Served, [bench, what, size]: readonly [string, string, number], operations: number,
  work: () => Promise<unknown>,
): Promise<void> {
  await server.begin()
  const startMs = performance.now()
  await work()
  const costUs = (performance.now() - startMs) * 1_000 / operations
  extent.row(rowOf(bench, what, size, costUs, await server.end()))
}

/** The same, after one round that does not count unless there are many, and as often as it takes to be measurable. */
export async function repeated(
  extent: Extent, server: Served, [bench, what, size]: readonly [string, string, number], operations: number,
  work: () => Promise<unknown>,
): Promise<void> {
  if (operations < MANY) await work()
  await server.begin()
  const startMs = performance.now()
  let rounds = 0
  do {
    await work()
    rounds++
  } while (performance.now() - startMs < LEAST_MS)
  const costUs = (performance.now() - startMs) * 1_000 / (rounds * operations)
  extent.row(rowOf(bench, what, size, costUs, await server.end()))
}
