import type { Member } from '../effects.ts'
import { ZXID_ZERO } from '../zxid.ts'
import type { Zxid } from '../zxid.ts'

/** One configuration: who votes. Every check takes a list, so that joint configurations fit later. */
export interface QuorumConfig {
  readonly voters: readonly number[]
}

/** The configuration of a fixed member list. */
export function quorumConfig(members: readonly Member[]): QuorumConfig {
  return { voters: members.filter((member) => member.role === 'voter').map((member) => member.id) }
}

/** True when the peers that `has` accepts are more than half of the voters, in every configuration. */
export function isQuorum(configs: readonly QuorumConfig[], has: (peer: number) => boolean): boolean {
  for (const { voters } of configs) {
    let count = 0
    for (const voter of voters) if (has(voter)) count++
    if (count * 2 <= voters.length) return false
  }
  return true
}

/** The largest zxid that a quorum has reached, in every configuration; `reached` is 0 for peers that do not count. */
export function quorumZxid(configs: readonly QuorumConfig[], reached: (peer: number) => Zxid): Zxid {
  let result = Number.MAX_SAFE_INTEGER as Zxid
  for (const { voters } of configs) {
    const point = reachedByMost(voters, reached)
    if (point < result) result = point
  }
  return result
}

/** Compared pair by pair, not sorted: the leader asks at every ack, and a sort took 6 of 40 KB of garbage per write. */
function reachedByMost(voters: readonly number[], reached: (peer: number) => Zxid): Zxid {
  let most = ZXID_ZERO
  for (const candidate of voters) {
    const zxid = reached(candidate)
    if (zxid <= most) continue
    let count = 0
    for (const voter of voters) if (reached(voter) >= zxid) count++
    if (count * 2 > voters.length) most = zxid
  }
  return most
}
