import type { Client } from './client/client.ts'
import { connectRemote } from './client/connect.ts'
import type { RemoteConnectOptions } from './client/connect.ts'
import { checkOptions } from './client/options.ts'
import { Ensemble } from './peer/ensemble.ts'
import type { SharedOptions } from './peer/ensemble.ts'
import { SHARED_OPTIONS } from './peer/options.ts'
import type { PeerOptions } from './peer/options.ts'
import { Peer } from './peer/peer.ts'
import { systemClock } from './peer/system-clock.ts'
import type { Storage } from './ports/storage.ts'
import type { Transport } from './ports/transport.ts'
import { memory as memoryStorage } from '../storage/memory.ts'
import { memory as memoryTransport } from '../transports/memory.ts'

/** An ensemble in this process. */
export interface CreateEnsembleOptions extends SharedOptions {
  /** Peers that vote: 1, 3 or 5 make sense. 3. */
  readonly size?: number
  /** Further peers that do not vote. 0. */
  readonly observers?: number
  /** Peers of another name refuse each other, and so do their storages. `vivarium`. */
  readonly name?: string
  /** Asked at every start of peer `id`; memory when left out. */
  readonly storage?: (id: number) => Storage
  /** Where ZooKeeper clients connect to peer `id`, say `tcp://127.0.0.1:2181`; nowhere when left out. */
  readonly clients?: (id: number) => NonNullable<PeerOptions['clients']>
  /** What `clients` listens with; TCP and WebSocket on Node. */
  readonly transports?: readonly Transport[]
}

/**
 * Starts an ensemble whose peers all live in this process, and resolves when they serve. Errors: those of createPeer.
 * Nothing stays open then.
 */
export async function createEnsemble(options: CreateEnsembleOptions = {}): Promise<Ensemble> {
  checkOptions(options ?? null, [...SHARED_OPTIONS, 'size', 'observers', 'name', 'storage', 'clients', 'transports'])
  const {
    size = 3, observers = 0, name = 'vivarium', storage = keptInMemory(), transports = [], ...shared
  } = options
  if (typeof storage !== 'function') throw new TypeError('storage must be a function of the peer id')
  const { clients } = shared
  if (clients !== undefined && typeof clients !== 'function') {
    throw new TypeError('clients must be a function of the peer id')
  }
  return Ensemble.start({
    ...shared, name, size, observers, storage,
    transports: [memoryTransport(), ...transports], address: (id) => `memory://peer-${id}`,
  })
}

/** A stopped peer finds what it kept. */
function keptInMemory(): (id: number) => Storage {
  const storages = new Map<number, Storage>()
  return (id) => {
    const storage = storages.get(id) ?? memoryStorage()
    storages.set(id, storage)
    return storage
  }
}

/**
 * Starts one peer of an ensemble. Resolves when its storage is read and its addresses are bound; `peer.ready()` waits
 * for a quorum. Errors: TypeError for wrong options; AddressInvalid, AddressInUse; StorageLocked, StorageVersion,
 * StorageDamaged, StorageFailed; ForeignEnsemble, MembershipMismatch; Aborted. Nothing stays open then.
 */
export async function createPeer(options: PeerOptions): Promise<Peer> {
  return Peer.start(options)
}

/**
 * Opens a session with servers: vivarium's or Apache ZooKeeper's. `zk://h1:2181,h2:2181/chroot` over TCP, `ws://` and
 * `wss://` over WebSockets. Errors: AddressInvalid, OperationTimeout, Aborted, SessionExpired (of a session taken up),
 * TypeError.
 */
export function connect(address: string, options: RemoteConnectOptions = {}): Promise<Client> {
  return connectRemote(address, options, { clock: systemClock(), transports: [] })
}

export { Client } from './client/client.ts'
export type { RemoteConnectOptions } from './client/connect.ts'
export type {
  ClientStatus, CreateCallOptions, DeleteCallOptions, ReadOptions, SessionInfo,
} from './client/client.ts'
export type { ConnectOptions } from './client/connect-options.ts'
export { Moment } from './client/moment.ts'
export { Multi, MultiRead } from './client/multi.ts'
export type { CallOptions } from './client/multi.ts'
export type { AclOf, Children, Created, CreatedInMulti } from './client/outcomes.ts'
export type { CreateMode, CreateOptions, Reconfiguration, VersionOptions } from './client/requests.ts'
export type { SessionKey, SessionState, StateChange } from './client/session-state.ts'
export { NodeData } from './client/values.ts'
export type { Data } from './client/values.ts'
export type { WatchChange, WatchGap, WatchItem, WatchPresent } from './client/watch-items.ts'
export type { RemoveWatchesOptions, WatchKind } from './client/watches.ts'
export { Watcher } from './client/watcher.ts'
export type { WatchOptions } from './client/watcher.ts'
export { ERROR_CODES, errorNumber, isZkError, ZkError } from './core/errors.ts'
export type { ErrorCode, ErrorDetails } from './core/errors.ts'
export { DEFAULT_LIMITS } from './core/limits.ts'
export type { Limits } from './core/limits.ts'
export { OPEN_ACL, Perm } from './core/tree/request.ts'
export type { Acl, Identity } from './core/tree/request.ts'
export type { SessionId, Stat } from './core/tree/stat.ts'
export { formatZxid } from './core/zxid.ts'
export type { Zxid } from './core/zxid.ts'
export type { Timing } from './core/effects.ts'
export type { ElectionRecord, MemberStatus, ReplicaStatus } from './core/status.ts'
export { Ensemble } from './peer/ensemble.ts'
export type { EnsembleConnectOptions, EnsemblePeerStatus, EnsembleStatus, SharedOptions } from './peer/ensemble.ts'
export { DEFAULT_TIMING } from './peer/options.ts'
export type { ClientPortOptions } from './peer/client-port.ts'
export type { EnsembleOptions, MemberOption, PeerOptions } from './peer/options.ts'
export { Peer } from './peer/peer.ts'
export type { PeerEventMap, PeerStatus } from './peer/peer.ts'
export type { LocalNode, LocalTree } from './peer/local-tree.ts'
export type { Clock, Timer } from './ports/clock.ts'
export type { Logger } from './ports/logger.ts'
export type { Storage } from './ports/storage.ts'
export type { Link, LinkEvents, Listener, Transport } from './ports/transport.ts'
