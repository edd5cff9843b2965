import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { isZkError } from '../../core/errors.ts'
import { CONFIG_PATH, parentOf } from '../../core/tree/path.ts'
import type { Client } from '../../client/client.ts'
import type { NodeData } from '../../client/values.ts'
import type { Acl } from '../../core/tree/request.ts'
import type { Command, Task } from '../command.ts'
import { formatHeader, formatRecord, readHeader, readRecord } from '../export-file.ts'
import type { ExportRecord } from '../export-file.ts'
import { checkedPath } from '../paths.ts'
import { UsageError } from '../usage.ts'
import { visit } from '../visit.ts'
import { Import } from '../import.ts'

/** Lines of a file that are written at once. */
const LINES_PER_WRITE = 256
/** Nodes read ahead of the one that is written. */
const READS_AHEAD = 256
const SYSTEM = parentOf(CONFIG_PATH)

const exportTree: Command = {
  name: 'export', usage: '[-o file] path',
  about: 'write a subtree as lines of JSON: data, access-control lists, owners of ephemerals. No client can see ' +
    'which nodes are containers or have a time to live: they are written as persistent ones',
  options: { o: 'value' }, least: 1,
  async run(task, args) {
    const root = checkedPath(args.word(0))
    const zk = await task.client()
    const name = args.value('o')
    if (name === undefined) {
      const counts = await exportNodes(task, zk, root, (lines) => {
        for (const line of lines) task.show(JSON.parse(line), line)
      })
      if (!task.isJson) task.note(`Exported ${counts.nodes} nodes of ${root}${warning(counts)}`)
      return
    }
    const file = await open(name, 'w').catch((error: Error) => {
      throw new UsageError(`cannot write ${name}: ${error.message}`)
    })
    try {
      const counts = await exportNodes(task, zk, root, async (lines) => {
        await file.write(`${lines.join('\n')}\n`)
      })
      task.show({ path: root, file: name, ...counts },
        `Exported ${counts.nodes} nodes of ${root} to ${name}${warning(counts)}`)
    } finally {
      await file.close()
    }
  },
}

interface Counts {
  readonly nodes: number
  readonly ephemerals: number
  /** Their passwords were not shown to us. */
  readonly masked: number
}

function warning({ ephemerals, masked }: Counts): string {
  const parts = []
  if (ephemerals > 0) parts.push(`${ephemerals} ephemeral, which an import leaves out`)
  if (masked > 0) parts.push(`${masked} with an access-control list whose passwords were not shown to this session`)
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`
}

async function exportNodes(
  task: Task, zk: Client, root: string, write: (lines: readonly string[]) => Promise<void> | void,
): Promise<Counts> {
  let lines = [formatHeader(root, Date.now())]
  const counts = { nodes: 0, ephemerals: 0, masked: 0 }
  const file = async (reading: Promise<Read>): Promise<void> => {
    const record = await reading
    if (record instanceof Error) throw record
    if (record === null) return
    lines.push(formatRecord(record))
    counts.nodes += 1
    if (record.ephemeralOwner !== undefined) counts.ephemerals += 1
    if (record.acl.some(({ scheme, id }) => scheme === 'digest' && id.endsWith(':x'))) counts.masked += 1
    task.progress(`${counts.nodes} nodes`)
    if (lines.length < LINES_PER_WRITE) return
    await write(lines)
    lines = []
  }
  const ahead: Promise<Read>[] = []
  for await (const { path } of visit(zk, root, { signal: task.signal })) {
    // The server's own nodes belong to no application.
    if (root === '/' && (path === SYSTEM || path.startsWith(`${SYSTEM}/`))) continue
    ahead.push(readNode(zk, root, path, task.signal))
    if (ahead.length >= READS_AHEAD) await file(ahead.shift()!)
  }
  for (const reading of ahead) await file(reading)
  await write(lines)
  return counts
}

/** A node; null when it went in the meantime; or why it cannot be read, which is told when its turn comes. */
type Read = ExportRecord | null | Error

async function readNode(zk: Client, root: string, path: string, signal: AbortSignal): Promise<Read> {
  try {
    const [node, { acl }] = await Promise.all([zk.get(path, { signal }), zk.getAcl(path, { signal })])
    return recordOf(node, acl, path === root ? '' : path.slice(root === '/' ? 1 : root.length + 1))
  } catch (error) {
    return isZkError(error, 'NoNode') ? null : error as Error
  }
}

function recordOf(node: NodeData, acl: readonly Acl[], path: string): ExportRecord {
  const { ephemeralOwner } = node.stat
  return {
    path, data: node.isNull ? null : node.data, acl, ...(ephemeralOwner === '0x0' ? {} : { ephemeralOwner }),
  }
}

const importTree: Command = {
  name: 'import', usage: '[-f] file [path]',
  about: 'make the nodes of an export, at another path if one is given; -f: replace the data and access-control ' +
    'lists of those that exist. Ephemeral nodes are left out. The file - is the standard input',
  options: { f: 'flag' }, least: 1, most: 2,
  async run(task, args) {
    const name = args.word(0)
    const given = args.words[1] === undefined ? null : checkedPath(args.word(1))
    const zk = await task.client()
    const input = name === '-' ? process.stdin : await openInput(name)
    let lineNumber = 0
    let work: Import | null = null
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      lineNumber += 1
      if (line.trim() === '') continue
      if (work === null) work = new Import(task, zk, given ?? checkedPath(readHeader(line)), args.has('f'))
      else await work.add(readRecord(line, lineNumber))
    }
    if (work === null) throw new UsageError('this is no export: it is empty')
    const { root, made, replaced, skipped, failed } = await work.end()
    const parts = [`${made} made`]
    if (replaced > 0) parts.push(`${replaced} replaced`)
    if (skipped > 0) parts.push(`${skipped} ephemeral left out`)
    if (failed > 0) parts.push(`${failed} failed`)
    task.show({ path: root, made, replaced, skipped, failed }, `Imported ${root}: ${parts.join(', ')}`)
    if (failed > 0) throw new UsageError(`${failed} ${failed === 1 ? 'node' : 'nodes'} could not be imported`)
  },
}

async function openInput(name: string): Promise<Readable> {
  try {
    return (await open(name, 'r')).createReadStream()
  } catch (error) {
    throw new UsageError(`cannot read ${name}: ${(error as Error).message}`)
  }
}

/** Subtrees as files. */
export const transferCommands: readonly Command[] = [exportTree, importTree]
