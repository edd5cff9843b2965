import { isZkError, ZkError } from '../../core/errors.ts'
import { OPEN_ACL } from '../../core/tree/request.ts'
import type { CreateCallOptions } from '../../client/client.ts'
import type { NodeData } from '../../client/values.ts'
import { parseAcl } from '../acl.ts'
import type { Arguments } from '../arguments.ts'
import type { Command, Task } from '../command.ts'
import { formatHex, formatStat, jsonData } from '../format.ts'
import { checkedPath } from '../paths.ts'
import { UsageError } from '../usage.ts'

const LARGEST_TTL_MS = 0xff_ffff_ffff

/** A one-shot watch whose event the shell prints like every other. */
export const WATCHED: { readonly watch: () => void } = { watch: () => undefined }

function kindOf(args: Arguments): CreateCallOptions {
  const [ephemeral, sequential, container] = [args.has('e'), args.has('s'), args.has('c')]
  if (container && (ephemeral || sequential)) {
    throw new UsageError(
      '-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.')
  }
  const ttl = args.value('t')
  if (ttl === undefined) return { ephemeral, sequential, container }
  if (!/^[+-]?\d+$/.test(ttl)) throw new UsageError('-t argument must be a long value')
  if (ephemeral) throw new UsageError('TTLs cannot be used with Ephemeral znodes')
  if (container) throw new UsageError('TTLs cannot be used with Container znodes')
  const ttlMs = Number(ttl)
  if (ttlMs < 1 || ttlMs > LARGEST_TTL_MS) {
    throw new UsageError(`ttl must be positive and cannot be larger than: ${LARGEST_TTL_MS}`)
  }
  return { sequential, ttlMs }
}

const create: Command = {
  name: 'create', usage: '[-s] [-e] [-c] [-t ttl] path [data] [acl]',
  about: 'make a node: sequential, ephemeral, container, with a time to live in ms; acl is scheme:id:cdrwa,...',
  options: { s: 'flag', e: 'flag', c: 'flag', t: 'value' }, least: 1, most: 3,
  async run(task, args) {
    const kind = kindOf(args)
    const path = checkedPath(args.word(0), kind.sequential)
    const [, data, aclText] = args.words
    const acl = aclText === undefined ? OPEN_ACL : parseAcl(aclText, task.complain)
    const zk = await task.client()
    try {
      const created = await zk.create(path, data ?? null, { ...kind, acl, signal: task.signal })
      if (task.isJson) task.show({ path: created })
      else task.note(`Created ${created}`)
    } catch (error) {
      if (isZkError(error, 'EphemeralOnLocalSession')) {
        task.complain('Unable to create ephemeral node on a local session')
      }
      throw error
    }
  },
}

function dataLine(node: NodeData, args: Arguments): string {
  const bytes = node.isNull ? new TextEncoder().encode('null') : node.data
  if (args.has('x')) return formatHex(bytes)
  return args.has('b') ? Buffer.from(bytes).toString('base64') : Buffer.from(bytes).toString('utf8')
}

const get: Command = {
  name: 'get', usage: '[-s] [-w] [-b] [-x] path',
  about: 'its data (as text, Base64 or hexadecimal), with -s its stat too; -w watches for a change',
  options: { s: 'flag', w: 'flag', b: 'flag', x: 'flag' }, least: 1, most: 2,
  async run(task, args) {
    const isWatched = watches(task, args, 'get path [watch]', 'get [-s] [-w] path')
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    const node = await zk.get(path, { ...(isWatched ? WATCHED : {}), signal: task.signal })
    const data = node.isNull ? null : node.data
    const stat = args.has('s') ? { stat: node.stat } : {}
    task.show({ path, ...jsonData(data), ...stat }, dataLine(node, args),
      ...(args.has('s') ? [formatStat(node.stat)] : []))
  },
}

/** True when a watch is asked for, by the option or by a second word, which is how it was long ago. */
export function watches(task: Task, args: Arguments, old: string, today: string): boolean {
  if (args.words.length < 2) return args.has('w')
  task.complain(`'${old}' has been deprecated. Please use '${today}' instead.`)
  return true
}

const set: Command = {
  name: 'set', usage: 'path data [-s] [-v version] [-b]',
  about: 'replace its data (-b: given in Base64), if it has this version',
  options: { s: 'flag', v: 'value', b: 'flag' }, least: 2,
  async run(task, args) {
    const version = args.integer('v')
    const path = checkedPath(args.word(0))
    const data = args.has('b') ? fromBase64(args.word(1)) : args.word(1)
    const zk = await task.client()
    const stat = await zk.set(path, data, { ...(version === undefined ? {} : { version }), signal: task.signal })
    task.show({ path, stat }, ...(args.has('s') ? [formatStat(stat)] : []))
  },
}

function fromBase64(text: string): Uint8Array {
  const isValid = text.length % 4 !== 1 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
  if (!isValid) throw new UsageError('the data is not valid Base64')
  return new Uint8Array(Buffer.from(text, 'base64'))
}

const remove: Command = {
  name: 'delete', usage: '[-v version] path', about: 'remove a node without children, if it has this version',
  options: { v: 'value' }, least: 1, most: 2,
  async run(task, args) {
    let version = args.integer('v')
    if (args.words.length > 1) {
      task.complain("'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.")
      const old = Number(args.word(1))
      if (!Number.isInteger(old) || (old | 0) !== old) throw new UsageError('version must be an int value')
      version ??= old
    }
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    await zk.delete(path, { ...(version === undefined ? {} : { version }), signal: task.signal })
    task.show({ path })
  },
}

const stat: Command = {
  name: 'stat', usage: '[-w] path', about: 'its versions, times and owner',
  options: { w: 'flag' }, least: 1, most: 2,
  async run(task, args) {
    const isWatched = watches(task, args, 'stat path [watch]', 'stat [-w] path')
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    const found = await zk.exists(path, { ...(isWatched ? WATCHED : {}), signal: task.signal })
    if (found === null) throw new ZkError('NoNode', undefined, { path })
    task.show({ path, stat: found }, formatStat(found))
  },
}

const sync: Command = {
  name: 'sync', usage: 'path', about: 'see everything that was written before', least: 1,
  async run(task, args) {
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    await zk.sync(path, { signal: task.signal })
    task.show({ path }, 'Sync is OK')
  },
}

/** One node at a time. */
export const nodeCommands: readonly Command[] = [create, get, set, remove, stat, sync]
