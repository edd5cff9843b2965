import { isZkError } from '../core/errors.ts'
import type { ErrorCode, ZkError } from '../core/errors.ts'

/** What zkCli says of a command that failed so; the path follows. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  NoNode: 'Node does not exist: ',
  NodeExists: 'Node already exists: ',
  NotEmpty: 'Node not empty: ',
  NoChildrenForEphemerals: 'Ephemerals cannot have children: ',
  NotReadOnly: 'Not a read-only call: ',
  InvalidAcl: 'Acl is not valid : ',
  NoAuth: 'Insufficient permission : ',
  BadArguments: 'Arguments are not valid : ',
  BadVersion: 'version No is not valid : ',
  QuotaExceeded: 'Quota has exceeded : ',
}

/** The other codes of ZooKeeper as its client prints them, where that is not the code itself. */
const NAMES: Partial<Record<ErrorCode, string>> = {
  SessionExpired: 'Session expired',
  SessionMoved: 'Session moved',
  NoWatcher: 'No such watcher',
  ReconfigDisabled: 'Reconfig is disabled',
  EphemeralOnLocalSession: 'Ephemeral node on local session',
  SessionClosedRequireAuth: 'Session closed because client failed to authenticate',
  Throttled: 'Op throttled due to high load',
}
const PLAIN: readonly ErrorCode[] = [
  'ConnectionLoss', 'MarshallingError', 'Unimplemented', 'OperationTimeout', 'AuthFailed', 'RuntimeInconsistency',
]

/** One line for an error, without a stack: users did nothing that a stack explains. */
export function explain(error: unknown): string {
  if (isZkError(error)) return explainCode(error)
  return error instanceof Error ? error.message : String(error)
}

function explainCode(error: ZkError): string {
  const { code, path } = error
  if (code === 'ReconfigInProgress') {
    return 'Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)'
  }
  if (code === 'NewConfigNoQuorum') {
    return 'No quorum of new config is connected and up-to-date with the leader of last committed config - ' +
      'try invoking reconfiguration after new servers are connected and synced'
  }
  const words = WORDS[code]
  if (words !== undefined) return `${words}${path ?? ''}`
  const name = NAMES[code] ?? (PLAIN.includes(code) ? code : null)
  if (name === null) return `${error.message} (${code})`
  return `KeeperErrorCode = ${name}${path === undefined ? '' : ` for ${path}`}`
}
