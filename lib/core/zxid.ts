import { assert } from './assert.ts'

/**
 * Names one txn: epoch * 2^32 + counter as a safe integer, so `<` orders zxids and nothing is allocated.
 * 0 is "before everything". Epochs stay below 2^21, counters below 2^32.
 */
export type Zxid = number & { readonly zxid: unique symbol }

const COUNTERS = 2 ** 32
/** First epoch that does not fit a safe integer. */
export const EPOCH_LIMIT: number = 2 ** 21
/** The last counter of an epoch: reaching it makes the leader resign (ZOOKEEPER-1277). */
export const COUNTER_MAX: number = COUNTERS - 1
/** The zxid before every txn. */
export const ZXID_ZERO: Zxid = 0 as Zxid

/** Builds a zxid; asserts both ranges. */
export function makeZxid(epoch: number, counter: number): Zxid {
  assert(Number.isInteger(epoch) && epoch >= 0 && epoch < EPOCH_LIMIT, 'the epoch is out of range')
  assert(Number.isInteger(counter) && counter >= 0 && counter <= COUNTER_MAX, 'the counter is out of range')
  return (epoch * COUNTERS + counter) as Zxid
}

/** The high half. */
export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / COUNTERS)
}

/** The low half. */
export function counterOf(zxid: Zxid): number {
  // The same as the remainder, in a tenth of the time.
  return zxid >>> 0
}

/** ZooKeeper's printed form: `0x` and lower-case hexadecimal without padding. */
export function formatZxid(zxid: Zxid): string {
  return `0x${zxid.toString(16)}`
}

/** True for any number that can be a zxid: what a decoder must check before it casts. */
export function isZxid(value: unknown): value is Zxid {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
