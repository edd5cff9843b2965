import { ZkError } from '../core/errors.ts'
import { bytes, errorCode, flag, integer, list, text, tuple } from './check.ts'
import { FRAME_HEAD_BYTES, makeFrame, sealFrame } from './frame.ts'
import { Packing } from './pack.ts'

/**
 * How two peers get to know each other, before the first message of the peer protocol:
 *
 *     dialer   -> hello (who I am, whom I want, my nonce)
 *     acceptor -> hello (who I am, my nonce), then its proof when there is a secret
 *     dialer   -> its proof (empty without a secret)
 *     acceptor -> welcome
 *
 * Either side may answer any step with a refusal, a code and a reason, and end the link.
 * A proof is HMAC-SHA256 of the secret over the prover's role and both hellos as they travelled, hence over both nonces
 * and both ids: it cannot be replayed, reflected to its maker or used for another pair, and the secret never travels.
 * It proves who opened the link; bytes that follow are not protected against somebody on the path.
 */

/** Versions of the peer protocol that this code speaks. */
export const PEER_VERSIONS: { readonly min: number, readonly max: number } = { min: 1, max: 1 }
/** Frames before the welcome are short; a stranger cannot make us collect more. */
export const HANDSHAKE_FRAME_BYTES: number = 64 * 1024

const MAGIC = 'vivarium-peer'
const NONCE_BYTES = 32
/** An id and its nonce, for each role; the texts differ, so no proof of one role serves the other. */
const LABELS = { dial: 'vivarium peer proof: dialer', accept: 'vivarium peer proof: acceptor' } as const
const REFUSAL = 'refuse'
const PROOF = 'proof'
const WELCOME = 'welcome'

/** What one side says of itself. */
export interface Hello {
  readonly minVersion: number
  readonly maxVersion: number
  readonly peerId: number
  /** The peer that this hello is meant for. */
  readonly target: number
  readonly ensembleName: string
  /** Empty until known. */
  readonly ensembleId: string
  /** Meta.members. */
  readonly members: string
  /** Random, new with each start of the peer. */
  readonly incarnation: number
  /** The dialer's count of dials with this one, rising while it lives; what the tie between crossing dials needs. */
  readonly attempt: number
  /** True when the side has a secret. */
  readonly secured: boolean
}

/** The owner's part in a handshake. */
export interface HandshakeSide {
  readonly role: 'dial' | 'accept'
  /** What this side says; the acceptor is told the dialer's hello. Throws ZkError to refuse. */
  hello(other: Hello | null): Hello
  /** Called before the word that lets the other side take the link for open: proof or welcome. Throws to refuse. */
  commit(other: Hello): void
  /** The acceptor's count of its own dials so far: all of them are void once this link is open. */
  dialsMade(): number
  readonly secret: HandshakeSecret | null
}

/** The frames of one link, as a handshake needs them. */
export interface FrameStream {
  send(frame: Uint8Array): void
  /** The next frame; rejects when the link ends. */
  next(): Promise<Uint8Array>
}

/** What a handshake came to. */
export interface HandshakeResult {
  readonly other: Hello
  readonly version: number
  /** The other side's dials up to this count are void. */
  readonly voidThrough: number
}

/** A refusal that the other side sent, as opposed to one that was decided here. */
export class RefusedError extends ZkError {}

/** A shared secret, ready for use. */
export interface HandshakeSecret {
  readonly key: Awaited<ReturnType<typeof crypto.subtle.importKey>>
}

/** Imports a secret. */
export async function makeSecret(secret: string | Uint8Array): Promise<HandshakeSecret> {
  const raw = new Uint8Array(typeof secret === 'string' ? new TextEncoder().encode(secret) : secret)
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  return { key }
}

/** Runs one side. A refusal decided here is sent before it is thrown; a RefusedError is the other side's. */
export async function shakeHands(side: HandshakeSide, stream: FrameStream): Promise<HandshakeResult> {
  try {
    return side.role === 'dial' ? await dialSide(side, stream) : await acceptSide(side, stream)
  } catch (error) {
    if (error instanceof ZkError && !(error instanceof RefusedError)) {
      stream.send(packed([REFUSAL, error.code, error.message]))
    }
    throw error
  }
}

async function dialSide(side: HandshakeSide, stream: FrameStream): Promise<HandshakeResult> {
  const own = side.hello(null)
  const ownBytes = packHello(own)
  stream.send(makeFrame(ownBytes))
  const otherBytes = await receive(stream)
  const other = readHello(otherBytes)
  const version = checkHello(own, other)
  if (other.peerId !== own.target) {
    throw new ZkError('HandshakeFailed', `peer ${other.peerId} answers at an address of peer ${own.target}`)
  }
  let proof: Uint8Array = new Uint8Array(0)
  if (side.secret) {
    const theirs = readProof(await receive(stream))
    await verify(side.secret, 'accept', ownBytes, otherBytes, theirs)
    proof = await sign(side.secret, 'dial', ownBytes, otherBytes)
  }
  side.commit(other)
  stream.send(packed([PROOF, proof]))
  const welcome = tuple(new Packing(0).unpack(await receive(stream)), 2, 'welcome')
  if (welcome[0] !== WELCOME) throw new ZkError('BadFrame', 'not a valid welcome')
  return { other, version, voidThrough: integer(welcome[1], 0, 'count of dials') }
}

async function acceptSide(side: HandshakeSide, stream: FrameStream): Promise<HandshakeResult> {
  const otherBytes = await receive(stream)
  const other = readHello(otherBytes)
  const own = side.hello(other)
  const version = checkHello(own, other)
  if (other.target !== own.peerId) {
    throw new ZkError('HandshakeFailed', `this is peer ${own.peerId}, not peer ${other.target}`)
  }
  const ownBytes = packHello(own)
  stream.send(makeFrame(ownBytes))
  if (side.secret) stream.send(packed([PROOF, await sign(side.secret, 'accept', otherBytes, ownBytes)]))
  const proof = readProof(await receive(stream))
  if (side.secret) await verify(side.secret, 'dial', otherBytes, ownBytes, proof)
  side.commit(other)
  stream.send(packed([WELCOME, side.dialsMade()]))
  return { other, version, voidThrough: other.attempt }
}

/** The order decides which one error is reported. */
function checkHello(own: Hello, other: Hello): number {
  const version = Math.min(own.maxVersion, other.maxVersion)
  if (version < Math.max(own.minVersion, other.minVersion)) {
    throw new ZkError('ProtocolVersion',
      `versions ${own.minVersion} to ${own.maxVersion} here, ${other.minVersion} to ${other.maxVersion} there`)
  }
  if (own.ensembleName !== other.ensembleName) {
    throw new ZkError('ForeignEnsemble', `ensemble '${own.ensembleName}' here, '${other.ensembleName}' there`)
  }
  if (own.ensembleId !== '' && other.ensembleId !== '' && own.ensembleId !== other.ensembleId) {
    throw new ZkError('ForeignEnsemble', `ensemble id ${own.ensembleId} here, ${other.ensembleId} there`)
  }
  if (own.members !== other.members) {
    throw new ZkError('MembershipMismatch', `members ${own.members} here, ${other.members} there`)
  }
  if (own.secured !== other.secured) {
    throw new ZkError('HandshakeFailed',
      own.secured ? `peer ${other.peerId} has no secret` : `peer ${other.peerId} has a secret, this one has none`)
  }
  if (own.peerId === other.peerId) throw new ZkError('HandshakeFailed', `two peers with id ${own.peerId}`)
  return version
}

function packHello(hello: Hello): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  return new Packing(0).pack([MAGIC, hello.minVersion, hello.maxVersion, hello.peerId, hello.target, hello.ensembleName,
    hello.ensembleId, hello.members, hello.incarnation, hello.attempt, hello.secured, nonce])
}

/** Only magic and versions are sure to stand where they stand in every version to come. */
function readHello(frame: Uint8Array): Hello {
  const fields = list(new Packing(0).unpack(frame), 'hello')
  if (fields[0] !== MAGIC) throw new ZkError('BadFrame', 'not a valid hello of a peer')
  const minVersion = integer(fields[1], 0, 'version')
  const maxVersion = integer(fields[2], 0, 'version')
  if (minVersion > PEER_VERSIONS.max || maxVersion < PEER_VERSIONS.min) {
    throw new ZkError('ProtocolVersion',
      `versions ${PEER_VERSIONS.min} to ${PEER_VERSIONS.max} here, ${minVersion} to ${maxVersion} there`)
  }
  tuple(fields, 12, 'hello')
  if (bytes(fields[11], 'nonce').length !== NONCE_BYTES) throw new ZkError('BadFrame', 'not a valid nonce')
  return {
    minVersion, maxVersion,
    peerId: integer(fields[3], 0, 'peer id'),
    target: integer(fields[4], 0, 'target'),
    ensembleName: text(fields[5], 'ensemble name'),
    ensembleId: text(fields[6], 'ensemble id'),
    members: text(fields[7], 'members'),
    incarnation: integer(fields[8], 0, 'incarnation'),
    attempt: integer(fields[9], 0, 'attempt'),
    secured: flag(fields[10], 'secured'),
  }
}

/** The next frame, unless it is a refusal. */
async function receive(stream: FrameStream): Promise<Uint8Array> {
  const frame = await stream.next()
  const fields = list(new Packing(0).unpack(frame), 'handshake frame')
  if (fields[0] !== REFUSAL) return frame
  tuple(fields, 3, 'refusal')
  throw new RefusedError(errorCode(fields[1], 'refusal'), text(fields[2], 'refusal').slice(0, 1_000))
}

function readProof(frame: Uint8Array): Uint8Array {
  const fields = tuple(new Packing(0).unpack(frame), 2, 'proof')
  if (fields[0] !== PROOF) throw new ZkError('BadFrame', 'not a valid proof')
  return bytes(fields[1], 'proof')
}

/** Label and hellos, each behind its length: no two different triples give the same bytes. */
function transcript(role: 'dial' | 'accept', dialer: Uint8Array, acceptor: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts = [new TextEncoder().encode(LABELS[role]), dialer, acceptor]
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + FRAME_HEAD_BYTES + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(makeFrame(part), at)
    at += FRAME_HEAD_BYTES + part.length
  }
  return joined
}

async function sign(
  secret: HandshakeSecret, role: 'dial' | 'accept', dialer: Uint8Array, acceptor: Uint8Array,
): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', secret.key, transcript(role, dialer, acceptor)))
}

/** `subtle.verify` compares in constant time. */
async function verify(
  secret: HandshakeSecret, role: 'dial' | 'accept', dialer: Uint8Array, acceptor: Uint8Array, proof: Uint8Array,
): Promise<void> {
  const signed = transcript(role, dialer, acceptor)
  const isRight = await crypto.subtle.verify('HMAC', secret.key, new Uint8Array(proof), signed)
  if (!isRight) throw new ZkError('HandshakeFailed', 'the secrets differ')
}

function packed(value: readonly unknown[]): Uint8Array {
  return sealFrame(new Packing(0).pack(value, FRAME_HEAD_BYTES))
}
