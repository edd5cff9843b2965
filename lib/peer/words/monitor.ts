import { ended, modeText, nodeCount, versionText } from './server.ts'
import type { Durations } from './server-stats.ts'
import { doubleText, meanText, wholeText } from './text.ts'
import type { ServerRole, ServerView } from './view.ts'

/** What a member of an ensemble is doing while it serves. */
const PEER_STATES: Readonly<Record<Exclude<ServerRole, 'standalone'>, string>> = {
  leader: 'leading - broadcast', follower: 'following - broadcast', observer: 'observing - broadcast',
}

/**
 * Answers mntr: `zk_<name>\t<value>`. Every value begins with a letter, digit, dot or minus and every name holds only
 * word characters, because a tool gives up on the whole answer at one line that it cannot read.
 */
export function monitorText(view: ServerView): string {
  const values = new Map<string, string>([['version', versionText(view)], ['server_state', modeText(view)]])
  if (view.role !== 'standalone') values.set('peer_state', PEER_STATES[view.role])
  if (view.observedPeer !== null) values.set('observer_master_id', String(view.observedPeer))
  for (const [name, value] of Object.entries(gauges(view))) values.set(name, String(value))
  const { latency, reads, updates } = view.stats
  values.set('avg_latency', meanText(latency.meanMs))
  values.set('min_latency', wholeText(latency.minMs))
  values.set('max_latency', wholeText(latency.maxMs))
  values.set('connection_drop_probability', doubleText(0))
  addSummary(values, 'readlatency', reads)
  addSummary(values, 'updatelatency', updates)
  for (const [name, value] of Object.entries(view.metrics())) {
    if (name.startsWith('avg_')) values.set(name, meanText(value))
    else values.set(name, Number.isInteger(value) ? String(value) : doubleText(value))
  }
  return ended(Array.from(values, ([name, value]) => `zk_${name}\t${value}`))
}

function gauges(view: ServerView): Record<string, number> {
  const { stats, leader } = view
  const { responses } = stats
  const record: Record<string, number> = {
    ephemerals_count: view.ephemeralCount, num_alive_connections: view.connections().length,
    outstanding_requests: view.outstanding, znode_count: nodeCount(view), watch_count: view.watches,
    approximate_data_size: view.approximateDataBytes, global_sessions: view.sessionCount, local_sessions: 0,
    uptime: Math.floor(view.uptimeMs), packets_received: stats.receivedPackets, packets_sent: stats.sentPackets,
    last_client_response_size: responses.lastBytes, min_client_response_size: responses.minBytes,
    max_client_response_size: responses.maxBytes, auth_failed_count: 0, outstanding_tls_handshake: 0,
    non_mtls_local_conn_count: 0, non_mtls_remote_conn_count: 0,
  }
  if (view.quorumSize > 0) record['quorum_size'] = view.quorumSize
  if (leader === null) return record
  const { lastBytes, minBytes, maxBytes } = leader.proposals
  return {
    ...record, learners: leader.learners, synced_followers: leader.syncedFollowers, synced_non_voting_followers: 0,
    synced_observers: leader.syncedObservers, pending_syncs: leader.pendingSyncs,
    leader_uptime: Math.floor(leader.uptimeMs), last_proposal_size: lastBytes, min_proposal_size: minBytes,
    max_proposal_size: maxBytes,
  }
}

function addSummary(values: Map<string, string>, name: string, durations: Durations): void {
  const { count, sumMs, minMs, maxMs, meanMs } = durations
  values.set(`avg_${name}`, meanText(meanMs))
  values.set(`min_${name}`, wholeText(minMs))
  values.set(`max_${name}`, wholeText(maxMs))
  values.set(`cnt_${name}`, String(count))
  values.set(`sum_${name}`, wholeText(sumMs))
}
