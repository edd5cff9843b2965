/**
 * Every error code, with ZooKeeper's wire number where it has one (0 = ours alone) and what it means.
 * Source: org.apache.zookeeper.KeeperException; ours are at the end.
 */
export const ERROR_CODES = {
  Ok: [0, 'no error'],
  SystemError: [-1, 'the server failed in a way that has no name'],
  RuntimeInconsistency: [-2, 'an operation of a multi that was not evaluated because an earlier one failed'],
  ConnectionLoss: [-4, 'the connection to the ensemble was lost; the outcome of a write may be unknown'],
  MarshallingError: [-5, 'the request could not be decoded'],
  Unimplemented: [-6, 'the operation is not supported'],
  OperationTimeout: [-7, 'the operation took longer than its limit'],
  BadArguments: [-8, 'an argument is not valid'],
  NewConfigNoQuorum: [-13, 'no quorum of the new configuration is connected'],
  ReconfigInProgress: [-14, 'another reconfiguration is in progress'],
  NoNode: [-101, 'the node does not exist'],
  NoAuth: [-102, 'the access-control list does not permit the operation'],
  BadVersion: [-103, 'the version is not the expected one'],
  NoChildrenForEphemerals: [-108, 'an ephemeral node cannot have children'],
  NodeExists: [-110, 'the node exists already'],
  NotEmpty: [-111, 'the node has children'],
  SessionExpired: [-112, 'the session is closed or expired'],
  InvalidAcl: [-114, 'the access-control list is not valid'],
  AuthFailed: [-115, 'the authentication was refused'],
  SessionMoved: [-118, 'the session is attached to another peer now'],
  NotReadOnly: [-119, 'the server is read-only'],
  EphemeralOnLocalSession: [-120, 'a local session cannot own ephemeral nodes'],
  NoWatcher: [-121, 'no such watch'],
  RequestTimeout: [-122, 'the request timed out'],
  ReconfigDisabled: [-123, 'reconfiguration is not enabled'],
  SessionClosedRequireAuth: [-124, 'the connection must authenticate first'],
  QuotaExceeded: [-125, 'a quota would be exceeded'],
  Throttled: [-127, 'the request waited too long and was not executed'],
  Aborted: [0, 'the caller aborted the operation through its signal'],
  Closed: [0, 'the client, peer or ensemble is closed'],
  PeerStopped: [0, 'the peer that carried this session stopped'],
  StorageFailed: [0, 'the storage failed; the peer has stopped'],
  StorageDamaged: [0, 'the stored data is damaged'],
  StorageLocked: [0, 'another process holds the storage'],
  StorageVersion: [0, 'the storage was written by an incompatible version'],
  ForeignEnsemble: [0, 'the other side belongs to another ensemble'],
  MembershipMismatch: [0, 'the member list differs from the stored one'],
  NotBootstrapped: [0, 'empty storage and no permission to found an ensemble'],
  ProtocolVersion: [0, 'no common protocol version'],
  BadFrame: [0, 'bytes that are not a valid frame or message'],
  FrameTooLarge: [0, 'a frame above the limit'],
  HandshakeFailed: [0, 'the handshake between peers failed'],
  AddressInUse: [0, 'the address is in use'],
  AddressInvalid: [0, 'the address is not valid or no transport takes it'],
  Unreachable: [0, 'the address cannot be reached'],
  OriginRefused: [0, 'the Origin of a WebSocket is not allowed'],
  Overloaded: [0, 'a bounded buffer is full'],
  LockLost: [0, 'what was held is not held any more, or may be held by another'],
  ValueInvalid: [0, 'a value that its schema or recipe does not take'],
  NobodyThere: [0, 'no instance of the service is there'],
} as const

/** The stable names users switch on. */
export type ErrorCode = keyof typeof ERROR_CODES

/** What an error carries besides its code. */
export interface ErrorDetails {
  readonly path?: string
  readonly cause?: unknown
  /** True when the operation may have happened although it is reported as failed. */
  readonly mayHaveHappened?: boolean
  /** For a multi: the code of each operation, in order. */
  readonly results?: readonly ErrorCode[]
}

/** The one error class: switch on `code`, never on the message. */
export class ZkError extends Error {
  override readonly name: string = 'ZkError'
  readonly code: ErrorCode
  readonly path: string | undefined
  readonly mayHaveHappened: boolean
  readonly results: readonly ErrorCode[] | undefined

  constructor(code: ErrorCode, message?: string, details: ErrorDetails = {}) {
    const text = message ?? ERROR_CODES[code][1]
    super(details.path === undefined ? text : `${text}: ${details.path}`,
      details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.path = details.path
    this.mayHaveHappened = details.mayHaveHappened ?? false
    this.results = details.results
  }
}

/** True for a ZkError (of the given code), also one that comes from another copy of this package. */
export function isZkError(error: unknown, code?: ErrorCode): error is ZkError {
  return error instanceof Error && error.name === 'ZkError' && 'code' in error &&
    (code === undefined || error.code === code)
}

/** ZooKeeper's number of a code, as it travels on its wire. */
export function errorNumber(code: ErrorCode): number {
  return ERROR_CODES[code][0]
}
