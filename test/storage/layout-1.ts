import { META, at, base } from '../../lib/testing/conformance/storage-fixtures.ts'
import type { LogEntry } from '../../lib/ports/storage.ts'
import type { Operation } from '../../storage/level/database.ts'
import type { EarlierState } from '../../storage/level/earlier.ts'
import { SEAL_BYTES, STATE_KEY, nativeChecksum, seal } from '../../storage/level/records.ts'
import { packEntries } from '../../storage/parts/entries.ts'

const checksum = nativeChecksum()

/** The checksum and what it is of. */
export function sealed(bytes: Uint8Array): Uint8Array {
  const value = new Uint8Array(SEAL_BYTES + bytes.byteLength)
  value.set(bytes, SEAL_BYTES)
  return seal(value, checksum)
}

/** A group of entries. */
export function group(entries: readonly LogEntry[]): Operation {
  const key = `e${entries[0]!.zxid.toString(16).padStart(14, '0')}`
  return { type: 'put', key, value: sealed(packEntries(entries)) }
}

/** A state record: the version, then the sealed JSON. */
export function stateRecord(state: EarlierState): Operation {
  const text = sealed(new TextEncoder().encode(JSON.stringify({ ...state, stale: [], hash1: 0, hash2: 0 })))
  const value = new Uint8Array(1 + text.byteLength)
  value[0] = 1
  value.set(text, 1)
  return { type: 'put', key: STATE_KEY, value }
}

/** Of a storage with a snapshot at 8 and a log from 4 to `end`. */
export function stateOf(sequence: number, end: number): Operation {
  return stateRecord({
    sequence, meta: META, base: base(1, at(8), 3), begin: at(4), end: at(end), damage: 'none',
  })
}

/** What a record of the journal holds. */
export function packOperations(operations: readonly Operation[]): Uint8Array {
  const parts = operations.map((operation) => {
    const head = new DataView(new ArrayBuffer(7))
    const value = operation.type === 'put' ? operation.value : new Uint8Array()
    head.setUint8(0, operation.type === 'put' ? 1 : 0)
    head.setUint16(1, operation.key.length, true)
    head.setUint32(3, value.byteLength, true)
    return Buffer.concat([new Uint8Array(head.buffer), Buffer.from(operation.key), value])
  })
  return new Uint8Array(Buffer.concat(parts))
}
