import { ZkError } from '../core/errors.ts'
import type { Member } from '../core/effects.ts'
import type { Transport } from '../ports/transport.ts'

/** One member and where it can be dialled; no address means that it only dials. */
export interface MemberAddresses extends Member {
  readonly addresses: readonly string[]
  /** `host:port` for clients, as /zookeeper/config tells it. */
  readonly client?: string
}

/** The scheme of an address without its colon. Throws AddressInvalid. */
export function schemeOf(address: string): string {
  const match = /^([a-z][a-z0-9+.-]*):\/\/./.exec(address)
  if (!match?.[1]) throw new ZkError('AddressInvalid', `the address '${address}' is not of the form scheme://host`)
  return match[1]
}

/** The first transport that takes the address and can listen there. Throws AddressInvalid. */
export function listeningTransport(transports: readonly Transport[], address: string): Transport & {
  listen: NonNullable<Transport['listen']>
} {
  const scheme = schemeOf(address)
  for (const transport of transports) {
    if (transport.schemes.includes(scheme) && transport.listen && transport.features.listens) {
      return transport as Transport & { listen: NonNullable<Transport['listen']> }
    }
  }
  throw new ZkError('AddressInvalid', `no transport of this peer listens at '${address}'`)
}

/** The first transport that dials the address, or null. */
export function diallingTransport(transports: readonly Transport[], address: string): Transport | null {
  const scheme = schemeOf(address)
  return transports.find((transport) => transport.schemes.includes(scheme)) ?? null
}

/**
 * Every two voters must share an address: one that either of them advertises and the other can dial. What the others
 * can dial is not known; a peer is taken to dial the schemes at which it listens, and any when it listens at none.
 */
export function checkReachability(
  self: number, members: readonly MemberAddresses[], transports: readonly Transport[],
): void {
  const own = new Set(transports.flatMap((transport) => transport.schemes))
  const dials = (member: MemberAddresses): ReadonlySet<string> | null =>
    member.id === self ? own : member.addresses.length === 0 ? null : new Set(member.addresses.map(schemeOf))
  const reaches = (from: MemberAddresses, to: MemberAddresses): boolean => {
    const schemes = dials(from)
    return to.addresses.some((address) => schemes === null || schemes.has(schemeOf(address)))
  }
  const voters = members.filter((member) => member.role === 'voter')
  for (const [index, one] of voters.entries()) {
    for (const other of voters.slice(index + 1)) {
      if (!reaches(one, other) && !reaches(other, one)) {
        throw new ZkError('AddressInvalid', `peers ${one.id} and ${other.id} share no address that either can dial`)
      }
    }
  }
  const me = members.find((member) => member.id === self)
  if (me?.role === 'observer' && !voters.some((voter) => reaches(me, voter) || reaches(voter, me))) {
    throw new ZkError('AddressInvalid', `peer ${self} shares no address with any voter`)
  }
}
