import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { leastFrameBytes } from '../core/limits.ts'
import { DEFAULT_LIMITS, createPeer } from '../node.ts'
import type { ClientPortOptions, CreatePeerOptions, Limits, MemberOption, Peer } from '../node.ts'
import type { Transport } from '../ports/transport.ts'
import { memory } from '../../storage/memory.ts'
import { tcp } from '../../transports/tcp.ts'
import { websocketServer } from '../../transports/websocket-server.ts'
import { explain } from './explain.ts'
import { untilSignal } from './terminal.ts'
import { SERVE_HELP, UsageError } from './usage.ts'
import { growYoungGeneration } from './young-generation.ts'
import { isWord, parseZooConfig } from './zoo-config.ts'
import type { ZooConfig, ZooServer } from './zoo-config.ts'

/** After so long without a quorum its user is told what is missing. */
const QUIET_MS = 3_000

interface ServeValues {
  id?: string
  member?: string[]
  observer?: string[]
  data?: string
  memory?: boolean
  name?: string
  listen?: string[]
  client?: string[]
  words?: string
  origin?: string[]
  'secret-file'?: string
  bootstrap?: boolean
  help?: boolean
}

interface ServeArguments {
  readonly values: ServeValues
  /** A ZooKeeper configuration file. */
  readonly file: string | undefined
}

function readArguments(args: readonly string[]): ServeArguments {
  let positionals: string[]
  let values: ServeValues
  try {
    ({ values, positionals } = parseArgs({
      args: [...args], strict: true, allowPositionals: true,
      options: {
        id: { type: 'string' }, member: { type: 'string', multiple: true },
        observer: { type: 'string', multiple: true },
        data: { type: 'string' }, memory: { type: 'boolean' }, name: { type: 'string' },
        listen: { type: 'string', multiple: true }, client: { type: 'string', multiple: true },
        words: { type: 'string' }, origin: { type: 'string', multiple: true },
        'secret-file': { type: 'string' }, bootstrap: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }))
  } catch (error) {
    throw new UsageError(`${(error as Error).message} (vivarium serve --help lists the options)`)
  }
  if (positionals.length > 1) throw new UsageError(`one configuration file is enough: ${positionals.join(' ')}`)
  return { values, file: positionals[0] }
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

/** What both ways of starting have in common: the options that override a file, or stand for themselves. */
function commonOptions(values: ServeValues): Partial<CreatePeerOptions> {
  const secretFile = values['secret-file']
  return {
    ...(values.listen === undefined ? {} : { listen: values.listen }),
    ...(secretFile === undefined ? {} : { secret: readSecret(secretFile) }),
    ...(values.bootstrap === true ? { bootstrap: true } : {}),
    ...(values.origin === undefined ? {} : { transports: transportsFor(values.origin) }),
  }
}

/** Those of `createPeer`, for pages of these origins. */
function transportsFor(origins: readonly string[]): Transport[] {
  for (const origin of origins) {
    if (origin !== '*' && (!URL.canParse(origin) || new URL(origin).origin !== origin)) {
      throw new UsageError(`--origin takes an origin as browsers send it, https://app.example, or *, not ${origin}`)
    }
  }
  return [tcp(), websocketServer({ allowOrigins: origins })]
}

function clientOptions(values: ServeValues): Partial<ClientPortOptions> {
  return {
    ...(values.client === undefined ? {} : { listen: values.client }),
    ...(values.words === undefined ? {} : { words: readWords(values.words) }),
  }
}

function readWords(text: string): string[] {
  const words = text.split(',').map((word) => word.trim()).filter((word) => word !== '')
  const unknown = words.find((word) => !isWord(word))
  if (unknown !== undefined) throw new UsageError(`--words: there is no word ${unknown}`)
  return words
}

function readId(text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--id takes the number of this peer, not ${text}`)
  return Number(text)
}

function plainOptions(values: ServeValues): CreatePeerOptions {
  if (values.id === undefined) throw new UsageError('--id takes the number of this peer')
  const id = readId(values.id)
  if ((values.data === undefined) === (values.memory !== true)) {
    throw new UsageError('say either --data DIR or --memory')
  }
  const members = readMembers(values)
  if (members[id] === undefined) throw new UsageError(`peer ${id} is not among the members: --member ${id}=ADDRESS`)
  const clients = clientOptions(values)
  if (clients.words !== undefined && clients.listen === undefined) {
    throw new UsageError('--words needs --client ADDRESS')
  }
  return {
    id, ensemble: { name: values.name ?? 'vivarium', members }, storage: values.data ?? memory(),
    ...commonOptions(values), ...(clients.listen === undefined ? {} : { clients: { listen: [], ...clients } }),
  }
}

/** A peer as zoo.cfg describes it, with ZooKeeper's times. */
function zooOptions(file: string, values: ServeValues): CreatePeerOptions & { readonly warnings: readonly string[] } {
  if (values.member !== undefined || values.observer !== undefined) {
    throw new UsageError('the members stand in the configuration file')
  }
  if (values.memory === true && values.data !== undefined) throw new UsageError('say either --data DIR or --memory')
  // Paths in the file are relative to the present folder, as for ZooKeeper.
  const config = parseZooConfig(readConfig(file), readConfig)
  const dataDir = values.data ?? config.dataDir
  const isAlone = config.servers.length <= 1
  const id = values.id === undefined ? ownId(config, dataDir, isAlone) : readId(values.id)
  const self = config.servers.find((server) => server.id === id)
  if (!isAlone && self === undefined) throw new UsageError(`there is no line server.${id} in ${file}`)
  const warnings = config.warnings.map((warning) => `${file}: ${warning}`)
  if (existsSync(join(dataDir, 'version-2'))) {
    warnings.push(`${join(dataDir, 'version-2')} is Apache ZooKeeper's data, which is not read`)
  }
  const clients = zooClients(config, self, values)
  if (clients.listen.length === 0) warnings.push(`${file}: clientPort is not set, so no client can connect`)
  if (self !== undefined && config.peerType !== null && /^observer$/i.test(config.peerType) !== self.isObserver) {
    warnings.push(`${file}: peerType=${config.peerType} is not honoured: the line server.${self.id} says otherwise`)
  }
  return {
    id: Math.max(1, id),
    ensemble: { name: values.name ?? 'vivarium', members: isAlone ? { [Math.max(1, id)]: [] } : zooMembers(config) },
    storage: values.memory === true ? memory() : join(dataDir, 'vivarium'),
    ...zooTimes(config), skipAcl: config.skipAcl, ttl: config.ttl, enforceQuota: config.enforceQuota,
    ...(config.superDigest === null ? {} : { superDigest: config.superDigest }),
    ...(config.listensOnAll && self !== undefined && !isAlone
      ? { listen: self.addresses.map((address) => `tcp://0.0.0.0:${/\d+$/.exec(address)?.[0]}`) } : {}),
    clients, ...commonOptions(values), warnings,
  }
}

/** Where clients connect: as the options say, else as clientPort and the server's own line do, which must agree. */
function zooClients(config: ZooConfig, self: ZooServer | undefined, values: ServeValues): ClientPortOptions {
  const { perAddress, connections, words, clientPort, clientPortAddress } = config
  const line = self?.client ?? null
  if (values.client === undefined && line !== null && clientPort !== null && !line.endsWith(`:${clientPort}`)) {
    throw new UsageError(`clientPort=${clientPort} is not what the line server.${self!.id} says: ${line}`)
  }
  const isAnywhere = clientPortAddress === '0.0.0.0' || clientPortAddress === '[::]'
  const place = clientPort === null || (line !== null && isAnywhere) ? line : `${clientPortAddress}:${clientPort}`
  return {
    listen: place === null ? [] : [`tcp://${place}`], perAddress, connections, words, ...clientOptions(values),
  }
}

function zooMembers(config: ZooConfig): Record<number, MemberOption> {
  return Object.fromEntries(config.servers.map(({ id, isObserver, addresses, client }) => [id, {
    addresses: addresses.map((address) => `tcp://${address}`), role: isObserver ? 'observer' : 'voter',
    ...(client === null ? {} : { client }),
  } as const]))
}

function zooTimes(config: ZooConfig): Pick<CreatePeerOptions, 'timing' | 'limits'> {
  const { tickMs, initTicks, syncTicks, sessionMinMs, sessionMaxMs, reapMs, requestBytes, snapshotTxns } = config
  const limits: { -readonly [K in keyof Limits]?: Limits[K] } = {}
  if (snapshotTxns !== null) limits.snapshotTxns = snapshotTxns
  if (requestBytes !== null) {
    limits.requestBytes = requestBytes
    limits.frameBytes = Math.max(DEFAULT_LIMITS.frameBytes, leastFrameBytes({ ...DEFAULT_LIMITS, requestBytes }))
  }
  return {
    timing: {
      tickMs, initMs: initTicks * tickMs, syncMs: syncTicks * tickMs, pingMs: Math.max(1, Math.floor(tickMs / 2)),
      sessionMinMs, sessionMaxMs, reapMs,
    },
    limits,
  }
}

/** The number in the file myid; a server on its own needs none. */
function ownId(config: ZooConfig, dataDir: string, isAlone: boolean): number {
  const file = join(dataDir, 'myid')
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (isAlone) return config.servers[0]?.id ?? 1
    throw new UsageError(`${file} cannot be read: it holds this server's number (${(error as Error).message})`)
  }
  if (!/^\d+$/.test(text)) throw new UsageError(`${file} holds '${text}', where a number is needed`)
  return Number(text)
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`the configuration file cannot be read: ${(error as Error).message}`)
  }
}

/** `vivarium serve`: one peer in the foreground. */
export const ServeCommand = {
  async run(args: readonly string[]): Promise<number> {
    const { values, file } = readArguments(args)
    if (values.help === true) {
      process.stdout.write(SERVE_HELP)
      return 0
    }
    const { warnings, ...options } = file === undefined
      ? { warnings: [], ...plainOptions(values) } : zooOptions(file, values)
    for (const warning of warnings) process.stderr.write(`vivarium: ${warning}\n`)
    const signals = untilSignal()
    growYoungGeneration()
    const peer = await createPeer(options)
    const print = (line: string): void => void process.stdout.write(`peer ${peer.id} ${line}\n`)
    announce(peer, print)
    const waiting = setTimeout(() => tellWaiting(peer, print), QUIET_MS)
    peer.on('role', ({ role, serving, epoch, leader, reason }) => {
      const led = leader === null ? '' : `, leader ${leader}`
      print(`is ${role}${serving ? ', serving' : ''}, epoch ${epoch}${led} (${reason})`)
    })
    peer.on('refused', (refusal) => process.stderr.write(`vivarium: ${refusal.reason} (${refusal.code})\n`))
    const failed = new Promise<Error>((fulfil) => { peer.on('fatal', fulfil) })
    const end = await Promise.race([signals.signal, failed])
    clearTimeout(waiting)
    await peer.stop()
    signals.stop()
    if (typeof end === 'string') return 0
    process.stderr.write(`vivarium: ${explain(end)}\n`)
    return 1
  },
}

/** Says whom a peer that does not serve yet has not found. */
function tellWaiting(peer: Peer, print: (line: string) => void): void {
  const { serving, epoch, members } = peer.status()
  const missing = members.filter(({ id, role, connected }) => id !== peer.id && role === 'voter' && !connected)
  if (serving || missing.length === 0) return
  const names = `peer${missing.length > 1 ? 's' : ''} ${missing.map(({ id }) => id).join(', ')}`
  const why = epoch === 0 ? 'the first start needs every voter, or --bootstrap' : 'there is no quorum'
  print(`waits for ${names}: ${why}`)
}

function announce(peer: Peer, print: (line: string) => void): void {
  const { addresses, clientAddresses } = peer.status()
  if (addresses.length > 0) print(`listens at ${addresses.join(', ')}`)
  if (clientAddresses.length > 0) print(`serves clients at ${clientAddresses.join(', ')}`)
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
