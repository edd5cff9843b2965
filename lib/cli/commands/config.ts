import { readFileSync } from 'node:fs'
import { CONFIG_PATH } from '../../core/tree/path.ts'
import type { Arguments } from '../arguments.ts'
import type { Command } from '../command.ts'
import { formatStat } from '../format.ts'
import { UsageError, packageVersion } from '../usage.ts'
import { WATCHED } from './nodes.ts'

const config: Command = {
  name: 'config', usage: '[-c] [-w] [-s]',
  about: 'the members of the ensemble; -c: its version and where clients connect; -w watches for a change',
  options: { c: 'flag', w: 'flag', s: 'flag' },
  async run(task, args) {
    const zk = await task.client()
    const node = await zk.get(CONFIG_PATH, { ...(args.has('w') ? WATCHED : {}), signal: task.signal })
    const text = node.isNull ? 'null' : node.text()
    const { version, clients } = readConfig(text)
    task.show({ config: text, version, clients, ...(args.has('s') ? { stat: node.stat } : {}) },
      args.has('c') ? `${version} ${clients.join(',')}` : text, ...(args.has('s') ? [formatStat(node.stat)] : []))
  },
}

/** The version and the client addresses in the text of a configuration. */
function readConfig(text: string): { readonly version: string, readonly clients: readonly string[] } {
  const clients: string[] = []
  let version = ''
  for (const line of text.split('\n')) {
    const [, key = '', value = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (key === 'version') version = value
    // Behind the role: `;host:port`, or a port alone, which binds everywhere.
    const client = key.startsWith('server.') ? value.split(';')[1]?.trim() ?? '' : ''
    if (client !== '') clients.push(client.includes(':') ? client : `0.0.0.0:${client}`)
  }
  return { version, clients }
}

const reconfig: Command = {
  name: 'reconfig',
  usage: '[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | ' +
    '[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]',
  about: 'change the members of the ensemble',
  options: { s: 'flag', v: 'value', file: 'value', members: 'value', add: 'value', remove: 'value' },
  async run(task, args) {
    const change = readChange(args)
    const zk = await task.client()
    const node = await zk.reconfig(change, { signal: task.signal })
    task.show({ config: node.text(), stat: node.stat }, `Committed new configuration:\n${node.text()}`,
      ...(args.has('s') ? [formatStat(node.stat)] : []))
  },
}

/** What is to be changed: the whole list of members, or some who join and some who leave. */
function readChange(args: Arguments): {
  readonly joining?: string, readonly leaving?: string, readonly members?: string, readonly version?: number
} {
  const isBulk = args.has('file') || args.has('members')
  const isIncremental = args.has('add') || args.has('remove')
  if (!isBulk && !isIncremental) throw new UsageError(`reconfig ${reconfig.usage}`)
  const version = args.value('v')
  if (version !== undefined && !/^[0-9a-f]{1,16}$/i.test(version)) {
    throw new UsageError('-v must be followed by a long (configuration version)')
  }
  if (isBulk && isIncremental) {
    throw new UsageError("Can't use -file or -members together with -add or -remove (mixing incremental and " +
      'non-incremental modes is not allowed)')
  }
  if (args.has('file') && args.has('members')) {
    throw new UsageError("Can't use -file and -members together (conflicting non-incremental modes)")
  }
  const file = args.value('file')
  const [joining, leaving] = [args.value('add'), args.value('remove')]
  const members = file === undefined ? args.value('members') : readMembers(file)
  return {
    ...(joining === undefined ? {} : { joining: joining.toLowerCase() }),
    ...(leaving === undefined ? {} : { leaving: leaving.toLowerCase() }),
    ...(members === undefined ? {} : { members: members.toLowerCase() }),
    ...(version === undefined ? {} : { version: Number.parseInt(version, 16) }),
  }
}

/** The lines of a configuration file that name members. */
function readMembers(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`Error processing ${file}: ${(error as Error).message}`)
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  return lines.filter((line) => /^(server|group|weight)\./.test(line)).join('\n')
}

const version: Command = {
  name: 'version', usage: '', about: 'the version of this program',
  run(task) {
    task.show({ version: packageVersion() }, `vivarium CLI version: ${packageVersion()}`)
  },
}

/** The ensemble and its members. */
export const configCommands: readonly Command[] = [config, reconfig, version]
