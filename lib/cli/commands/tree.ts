import { nameOf } from '../../core/tree/path.ts'
import type { Client } from '../../client/client.ts'
import type { Stat } from '../../core/tree/stat.ts'
import { isZkError } from '../../core/errors.ts'
import type { Arguments } from '../arguments.ts'
import type { Command, Task } from '../command.ts'
import { glob } from '../glob.ts'
import { checkedPath } from '../paths.ts'
import { UsageError } from '../usage.ts'
import { visit } from '../visit.ts'
import type { Visited } from '../visit.ts'

const BATCH_DELETES = 1_000
/** Well below what a server takes in one request. */
const BATCH_CHARACTERS = 256 * 1024
const BATCHES_IN_FLIGHT = 10

const deleteAll: Command = {
  name: 'deleteall', usage: 'path [-b batch size]', about: 'remove a node and all below it',
  options: { b: 'value' }, least: 1,
  async run(task, args) {
    const perBatch = args.integer('b') ?? BATCH_DELETES
    const root = checkedPath(args.word(0))
    const zk = await task.client()
    const paths: string[] = []
    for await (const { path } of visit(zk, root, { signal: task.signal })) {
      paths.push(path)
      task.progress(`${paths.length} nodes found`)
    }
    const isWhole = await deleteBatches(task, zk, paths.reverse(), Math.max(1, perBatch))
    if (!isWhole) throw new UsageError('Failed to delete some node(s) in the subtree!')
    task.show({ path: root, nodes: paths.length })
  },
}

/** Children come before their parents. False as soon as one batch fails; each is deleted whole or not at all. */
async function deleteBatches(
  task: Task, zk: Client, paths: readonly string[], perBatch: number,
): Promise<boolean> {
  const inFlight = new Set<Promise<void>>()
  const fatal: Error[] = []
  let isWhole = true
  let deleted = 0
  for (let at = 0; at < paths.length && isWhole;) {
    const multi = zk.multi()
    const from = at
    for (let characters = 0; at < paths.length && at - from < perBatch && characters < BATCH_CHARACTERS; at++) {
      multi.delete(paths[at]!)
      characters += paths[at]!.length
    }
    const size = at - from
    const done = multi.commit({ signal: task.signal }).then(() => { deleted += size }, (error: unknown) => {
      isWhole = false
      if (!isZkError(error) || error.code === 'Aborted') fatal.push(error as Error)
    })
    inFlight.add(done)
    void done.then(() => inFlight.delete(done))
    if (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight)
    task.progress(`${deleted} of ${paths.length} nodes`)
  }
  await Promise.all(inFlight)
  if (fatal[0] !== undefined) throw fatal[0]
  return isWhole
}

const tree: Command = {
  name: 'tree', usage: '[-s] [-d depth] path', about: 'a drawing of what is below it, with -s sizes and owners',
  options: { s: 'flag', d: 'value' }, least: 0, most: 1,
  async run(task, args) {
    const root = args.words.length === 0 ? '/' : checkedPath(args.word(0))
    const depth = depthOf(args, 'd')
    const zk = await task.client()
    /** Children still to come, of the node at each depth. */
    const left: number[] = []
    let nodes = 0
    const read = { signal: task.signal, ...(depth === undefined ? {} : { depth }) }
    for await (const visited of visit(zk, root, read)) {
      const stat = args.has('s') ? await zk.exists(visited.path, { signal: task.signal }) : null
      left.length = visited.depth
      const prefix = branches(left)
      if (visited.depth > 0) left[visited.depth - 1]! -= 1
      left.push(visited.names.length)
      const name = visited.depth === 0 ? root : nameOf(visited.path)
      task.show({ path: visited.path, depth: visited.depth, ...(stat === null ? {} : { stat }) },
        `${prefix}${name}${detailsOf(visited, stat, depth)}`)
      nodes += 1
      task.progress(`${nodes} nodes`)
    }
    if (!task.isJson) task.note(`${nodes} ${nodes === 1 ? 'node' : 'nodes'}`)
  },
}

function branches(left: readonly number[]): string {
  return left.map((count, index) => {
    if (index < left.length - 1) return count > 0 ? '\u2502   ' : '    '
    return count > 1 ? '\u251c\u2500\u2500 ' : '\u2514\u2500\u2500 '
  }).join('')
}

function detailsOf({ depth, names }: Visited, stat: Stat | null, deepest: number | undefined): string {
  const hidden = depth === deepest && names.length > 0 ? ` (${names.length} below)` : ''
  if (stat === null) return hidden
  const owner = stat.ephemeralOwner === '0x0' ? '' : `, ephemeral ${stat.ephemeralOwner}`
  return `  [${stat.dataLength} bytes${owner}]${hidden}`
}

const find: Command = {
  name: 'find', usage: '[-name pattern] [-data text] [-owner session] [-e] [-d depth] path',
  about: 'the paths below it whose name has a pattern (* and ?), whose data contains a text, that are ephemeral ' +
    '(-e), or of one session',
  options: { name: 'value', data: 'value', owner: 'value', e: 'flag', d: 'value' }, most: 1,
  async run(task, args) {
    const root = args.words.length === 0 ? '/' : checkedPath(args.word(0))
    const depth = depthOf(args, 'd')
    const matches = glob(args.value('name') ?? '*')
    const zk = await task.client()
    let nodes = 0
    const read = { signal: task.signal, ...(depth === undefined ? {} : { depth }) }
    for await (const { path } of visit(zk, root, read)) {
      nodes += 1
      task.progress(`${nodes} nodes`)
      if (matches(nameOf(path)) && await isWanted(zk, path, args, task.signal)) task.show({ path }, path)
    }
  },
}

async function isWanted(zk: Client, path: string, args: Arguments, signal: AbortSignal): Promise<boolean> {
  const [text, owner] = [args.value('data'), args.value('owner')]
  if (text === undefined && owner === undefined && !args.has('e')) return true
  try {
    if (text === undefined) return isOwned(await zk.exists(path, { signal }), owner)
    const node = await zk.get(path, { signal })
    if (!node.text().includes(text)) return false
    return (owner === undefined && !args.has('e')) || isOwned(node.stat, owner)
  } catch (error) {
    // It went, or it is none of our business.
    if (isZkError(error, 'NoNode') || isZkError(error, 'NoAuth')) return false
    throw error
  }
}

function isOwned(stat: Stat | null, owner: string | undefined): boolean {
  if (stat === null || stat.ephemeralOwner === '0x0') return false
  return owner === undefined || stat.ephemeralOwner === owner.toLowerCase()
}

function depthOf(args: Arguments, name: string): number | undefined {
  const depth = args.integer(name)
  if (depth !== undefined && depth < 0) throw new UsageError(`-${name} takes how many levels to go down`)
  return depth
}

/** Whole subtrees. */
export const treeCommands: readonly Command[] = [deleteAll, tree, find]
