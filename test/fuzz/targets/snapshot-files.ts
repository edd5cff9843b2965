import { FRAME_HEAD_BYTES } from '../../../storage/level/frame.ts'
import { FileChunks } from '../../../storage/level/file-chunks.ts'
import type { NodeModules } from '../../../storage/level/marker.ts'
import { nativeChecksum } from '../../../storage/level/records.ts'
import { chunks } from '../../../lib/testing/conformance/storage-fixtures.ts'
import { mutated } from '../mutate.ts'
import { magnitude, must } from '../target.ts'
import type { Target } from '../target.ts'
import { MemoryFile } from './storage-records.ts'

const checksum = nativeChecksum()
const ID = 5
const COUNT = 4
/** The signature with the id, and the salt, which is always the same here. */
const SALT_AT = 16
const SUMMED_BYTES = 24
const HEAD_BYTES = 28
const SALT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

const BASE = { id: ID, zxid: 0, hash1: 0, hash2: 0, chunks: COUNT } as Parameters<FileChunks['chunksOf']>[0]

/** A folder in memory with this file in it. */
function chunksIn(file: MemoryFile): FileChunks {
  const node = { fs: { existsSync: () => true, promises: { rm: () => Promise.resolve() } } } as unknown as NodeModules
  return new FileChunks('', { sync: false, checksum, node, open: () => Promise.resolve(file) })
}

/** Gives the head and every frame that begins where one should, the right salt and the right checksum. */
function resealed(content: Uint8Array): Uint8Array {
  const copy = content.slice()
  if (copy.length < HEAD_BYTES) return copy
  const view = new DataView(copy.buffer)
  copy.set(SALT, SALT_AT)
  view.setUint32(SUMMED_BYTES, checksum(copy.subarray(0, SUMMED_BYTES)), true)
  for (let at = HEAD_BYTES; at + FRAME_HEAD_BYTES <= copy.length;) {
    const end = at + FRAME_HEAD_BYTES + view.getUint32(at + 20, true)
    if (end > copy.length) break
    copy.set(SALT, at)
    view.setUint32(at + 8, checksum(copy.subarray(at + 12, end)), true)
    at = end
  }
  return copy
}

let files: Uint8Array[] = []

/** What a peer starts from. */
export const snapshotFilesTarget: Target = {
  name: 'snapshot-files', about: 'files of snapshots, half of them with right checksums after each change',
  async prepare() {
    files = []
    for (const count of [COUNT, COUNT - 1, COUNT + 2]) {
      const file = new MemoryFile(new Uint8Array(0))
      const store = chunksIn(file)
      const written = chunks(ID, count)
      await store.write(written.map((chunk) => ({ ...chunk, bytes: store.pack(chunk) })))
      files.push(resealed(file.bytes))
    }
  },
  seeds: () => files,
  mutate: (input, random, other) => {
    const changed = mutated(input, random, other, [])
    return random.below(2) === 0 ? changed : resealed(changed)
  },
  make: () => ({
    async run(input) {
      const before = input.slice()
      const read: Uint8Array[] = []
      let isWhole = true
      for await (const chunk of chunksIn(new MemoryFile(input)).chunksOf(BASE)) {
        must(isWhole, 'something behind a chunk that is none')
        if (chunk === null) isWhole = false
        else read.push(chunk)
      }
      must(isWhole ? read.length === COUNT : read.length < COUNT, `${read.length} chunks`)
      must(Buffer.compare(before, input) === 0, 'reading changed the file')
      if (!isWhole) return `${read.length} of it`
      // What passes is what would be written, with the same salt.
      const file = new MemoryFile(new Uint8Array(0))
      const store = chunksIn(file)
      const packed = read.map((bytes, index) => ({ id: ID, index, bytes: store.pack({ id: ID, index, bytes }) }))
      await store.write(packed)
      const frames = Buffer.concat(packed.map(({ bytes }) => bytes.subarray(8)))
      const taken = Buffer.concat(packed.map(({ bytes }, index) => {
        const at = HEAD_BYTES + packed.slice(0, index).reduce((sum, one) => sum + one.bytes.byteLength, 0)
        return input.subarray(at + 8, at + bytes.byteLength)
      }))
      must(frames.equals(taken), 'other bytes have the same meaning')
      return magnitude(file.bytes.length)
    },
  }),
}
