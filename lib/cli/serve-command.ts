import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createPeer } from '../node.ts'
import type { MemberOption, Peer } from '../node.ts'
import { memory } from '../../storage/memory.ts'
import { explain } from './explain.ts'
import { untilSignal } from './terminal.ts'
import { SERVE_HELP, UsageError } from './usage.ts'

interface ServeValues {
  id?: string
  member?: string[]
  observer?: string[]
  data?: string
  memory?: boolean
  name?: string
  listen?: string[]
  'secret-file'?: string
  bootstrap?: boolean
  help?: boolean
}

function readValues(args: readonly string[]): ServeValues {
  try {
    return parseArgs({
      args: [...args], strict: true,
      options: {
        id: { type: 'string' }, member: { type: 'string', multiple: true },
        observer: { type: 'string', multiple: true },
        data: { type: 'string' }, memory: { type: 'boolean' }, name: { type: 'string' },
        listen: { type: 'string', multiple: true }, 'secret-file': { type: 'string' }, bootstrap: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message} (vivarium serve --help lists the options)`)
  }
}

function readMembers(values: ServeValues): Record<number, MemberOption> {
  const members: Record<number, MemberOption> = {}
  const add = (text: string, role: 'voter' | 'observer'): void => {
    const match = /^(\d+)=(.*)$/.exec(text)
    const flag = role === 'voter' ? '--member' : '--observer'
    if (match === null) throw new UsageError(`${flag} takes ID=ADDRESS, not ${text}`)
    const id = Number(match[1])
    if (members[id] !== undefined) throw new UsageError(`member ${id} is named twice`)
    members[id] = { addresses: match[2]!.split(',').filter((address) => address !== ''), role }
  }
  for (const text of values.member ?? []) add(text, 'voter')
  for (const text of values.observer ?? []) add(text, 'observer')
  return members
}

async function start(values: ServeValues): Promise<Peer> {
  if (values.id === undefined || !/^\d+$/.test(values.id)) throw new UsageError('--id takes the number of this peer')
  if ((values.data === undefined) === (values.memory !== true)) {
    throw new UsageError('say either --data DIR or --memory')
  }
  const id = Number(values.id)
  const members = readMembers(values)
  if (members[id] === undefined) throw new UsageError(`peer ${id} is not among the members: --member ${id}=ADDRESS`)
  const secretFile = values['secret-file']
  return createPeer({
    id, ensemble: { name: values.name ?? 'vivarium', members }, storage: values.data ?? memory(),
    ...(values.listen === undefined ? {} : { listen: values.listen }),
    ...(secretFile === undefined ? {} : { secret: readSecret(secretFile) }),
    ...(values.bootstrap === true ? { bootstrap: true } : {}),
  })
}

/** `vivarium serve`: one peer in the foreground. */
export const ServeCommand = {
  async run(args: readonly string[]): Promise<number> {
    const values = readValues(args)
    if (values.help === true) {
      process.stdout.write(SERVE_HELP)
      return 0
    }
    const signals = untilSignal()
    const peer = await start(values)
    const print = (line: string): void => void process.stdout.write(`peer ${peer.id} ${line}\n`)
    print(`listens at ${peer.status().addresses.join(', ') || 'no address'}`)
    peer.on('role', ({ role, serving, epoch, leader, reason }) => {
      const led = leader === null ? '' : `, leader ${leader}`
      print(`is ${role}${serving ? ', serving' : ''}, epoch ${epoch}${led} (${reason})`)
    })
    peer.on('refused', (refusal) => process.stderr.write(`vivarium: ${refusal.reason} (${refusal.code})\n`))
    const failed = new Promise<Error>((resolve) => { peer.on('fatal', resolve) })
    const end = await Promise.race([signals.signal, failed])
    await peer.stop()
    signals.stop()
    if (typeof end === 'string') return 0
    process.stderr.write(`vivarium: ${explain(end)}\n`)
    return 1
  },
}

function readSecret(file: string): string {
  let secret: string
  try {
    secret = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new UsageError(`--secret-file cannot be read: ${(error as Error).message}`)
  }
  if (secret === '') throw new UsageError(`--secret-file is empty: ${file}`)
  return secret
}
