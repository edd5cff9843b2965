import { TreeLoader } from '../../../lib/core/tree/loader.ts'
import { Tree } from '../../../lib/core/tree/tree.ts'
import { NO_SESSION, sessionIdOf } from '../../../lib/core/tree/stat.ts'
import type { TxnBody } from '../../../lib/core/tree/txn.ts'
import { makeZxid } from '../../../lib/core/zxid.ts'
import { makeTxnCodec } from '../../../lib/wire/txn.ts'
import { framesMutated, framesOf, packedMutated, streamOf } from '../structure.ts'
import { magnitude, must, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'
import { PACKED_TOKENS } from './packed-tokens.ts'

const CHUNK_BYTES = 300
const acl = [{ perms: 1, scheme: 'digest', id: 'a:b' }]

/** A small tree with everything in it. */
export function someTree(nodes = 6): Tree {
  const tree = Tree.empty()
  let counter = 1
  const apply = (body: TxnBody, session = NO_SESSION): void => {
    tree.apply(makeZxid(1, counter), {
      session, cxid: 0, origin: 1, tag: counter, time: 1_700_000_000_000 + counter++, body,
    }, null, false)
  }
  apply({ kind: 'found', ensembleId: 'f'.repeat(32), members: '1:voter' })
  const owner = sessionIdOf(makeZxid(1, counter))
  apply({ kind: 'createSession', timeoutMs: 4_000, password: new Uint8Array(16).fill(1) }, owner)
  for (let number = 0; number < nodes; number++) {
    const nodeKind = ([0, 0, 1, 2, 3, 0] as const)[number % 6]!
    apply({
      kind: 'create', path: `/n${number}`, data: number === 1 ? null : new Uint8Array(number * 9), op: 1,
      acl: number === 0 ? acl : [{ perms: 31, scheme: 'world', id: 'anyone' }], nodeKind, parentCreates: number + 1,
      owner: nodeKind === 1 ? owner : NO_SESSION, ttlMs: nodeKind === 3 ? 5_000 : 0,
    })
  }
  return tree
}

/** Its snapshot in chunks. */
export function snapshotOf(tree: Tree, chunkBytes: number): Uint8Array[] {
  const codec = makeTxnCodec()
  const view = tree.freeze()
  const chunks: Uint8Array[] = []
  for (let rows = view.next(chunkBytes); rows !== null; rows = view.next(chunkBytes)) {
    chunks.push(codec.encodeRows(rows).slice())
  }
  view.close()
  return chunks
}

function load(chunks: readonly Uint8Array[]): Tree {
  const codec = makeTxnCodec()
  const loader = new TreeLoader()
  for (const chunk of chunks) loader.push(codec.decodeRows(chunk))
  return loader.finish()
}

/** A stream of snapshot chunks, from the disk or from a leader. */
export const snapshotsTarget: Target = {
  name: 'snapshots', about: 'chunks of snapshots, and the tree they make',
  tokens: PACKED_TOKENS,
  seeds: () => [streamOf(snapshotOf(someTree(), CHUNK_BYTES)), streamOf(snapshotOf(someTree(13), 2_000)),
    streamOf(snapshotOf(Tree.empty(), 100))],
  mutate: (input, random, other) => framesMutated(input, random, other, packedMutated),
  make: () => ({
    run(input) {
      const loaded = refusedWith(['BadFrame', 'StorageDamaged'], () => load(framesOf(input)))
      if ('code' in loaded) return loaded.code
      const tree = loaded.value
      const again = load(snapshotOf(tree, CHUNK_BYTES))
      must(JSON.stringify(again.digest()) === JSON.stringify(tree.digest()), 'its own snapshot makes another tree')
      must(again.nodeCount === tree.nodeCount && again.zxid === tree.zxid, 'its own snapshot makes another tree')
      return `${magnitude(tree.nodeCount)} ${magnitude(tree.sessions.size)}`
    },
  }),
}
