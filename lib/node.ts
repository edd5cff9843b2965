import { join } from 'node:path'
import { createEnsemble as createAnyEnsemble } from './index.ts'
import type { CreateEnsembleOptions as AnyEnsembleOptions } from './index.ts'
import type { Client } from './client/client.ts'
import { connectRemote } from './client/connect.ts'
import type { RemoteConnectOptions } from './client/connect.ts'
import type { Ensemble } from './peer/ensemble.ts'
import type { PeerOptions } from './peer/options.ts'
import { Peer } from './peer/peer.ts'
import { systemClock } from './peer/system-clock.ts'
import type { Storage } from './ports/storage.ts'
import type { Transport } from './ports/transport.ts'
import { level } from '../storage/level.ts'
import { tcp } from '../transports/tcp.ts'
import { websocketServer } from '../transports/websocket-server.ts'

export * from './index.ts'

/** What listens and dials when nothing else is said. */
const ownTransports = (): Transport[] => [tcp(), websocketServer()]

/** What a folder stands for. */
function ownStorage(folder: string, { logger }: Pick<PeerOptions, 'logger'>): Storage {
  return level(folder, logger === undefined ? {} : { logger })
}

/** One storage for each peer, so that one that is started again finds its folder wherever the process has gone. */
function ownStorages(folder: string, options: Pick<PeerOptions, 'logger'>): (id: number) => Storage {
  const made = new Map<number, Storage>()
  return (id) => {
    const storage = made.get(id) ?? ownStorage(join(folder, `peer-${id}`), options)
    made.set(id, storage)
    return storage
  }
}

/** An ensemble in this process. */
export interface CreateEnsembleOptions extends Omit<AnyEnsembleOptions, 'storage'> {
  /** A folder, in which each peer has one for its data; or what gives peer `id` its storage. Memory when left out. */
  readonly storage?: string | ((id: number) => Storage)
}

/** One peer of an ensemble. */
export interface CreatePeerOptions extends Omit<PeerOptions, 'storage' | 'transports'> {
  /** A folder for its data, or a storage. */
  readonly storage: string | Storage
  /** TCP and WebSocket when left out. */
  readonly transports?: readonly Transport[]
}

/**
 * Starts an ensemble whose peers all live in this process, and resolves when they serve. Errors: those of createPeer.
 * Nothing stays open then.
 */
export async function createEnsemble(options: CreateEnsembleOptions = {}): Promise<Ensemble> {
  if (typeof options !== 'object' || options === null) return createAnyEnsemble(options)
  const { storage, transports = ownTransports(), ...rest } = options
  if (storage === undefined) return createAnyEnsemble({ ...rest, transports })
  if (storage === '') throw new TypeError('storage must not be an empty string')
  return createAnyEnsemble({
    ...rest, transports, storage: typeof storage === 'string' ? ownStorages(storage, options) : storage,
  })
}

/**
 * Starts one peer of an ensemble. Resolves when its storage is read and its addresses are bound; `peer.ready()` waits
 * for a quorum. Errors: TypeError for wrong options; AddressInvalid, AddressInUse; StorageLocked, StorageVersion,
 * StorageDamaged, StorageFailed; ForeignEnsemble, MembershipMismatch; Aborted. Nothing stays open then.
 */
export async function createPeer(options: CreatePeerOptions): Promise<Peer> {
  if (typeof options !== 'object' || options === null) throw new TypeError('options must be an object')
  const { storage, transports = ownTransports() } = options
  if (storage === '') throw new TypeError('storage must not be an empty string')
  return Peer.start({
    ...options, transports, storage: typeof storage === 'string' ? ownStorage(storage, options) : storage,
  })
}

/**
 * Opens a session with servers: vivarium's or Apache ZooKeeper's. `zk://h1:2181,h2:2181/chroot` over TCP, `ws://` and
 * `wss://` over WebSockets. Errors: AddressInvalid, OperationTimeout, Aborted, SessionExpired (of a session taken up),
 * TypeError.
 */
export function connect(address: string, options: RemoteConnectOptions = {}): Promise<Client> {
  return connectRemote(address, options, { clock: systemClock(), transports: ownTransports() })
}
