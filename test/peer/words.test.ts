import type { SessionId } from '../../lib/core/tree/stat.ts'
import { ConnectionStats, OPEN_SESSION, ServerStats } from '../../lib/peer/words/server-stats.ts'
import { dateText, doubleText } from '../../lib/peer/words/text.ts'
import { answerWord, FOUR_LETTER_WORDS, isAllowed, wordOf } from '../../lib/peer/words/words.ts'
import type { FourLetterWord } from '../../lib/peer/words/words.ts'
import { assert, suite } from '../harness.ts'
import { A, asking, B, FakeView, NOON_MS, served, VERSION } from './words-view.ts'

const test = suite('four-letter words')

const ALL = ['*']
const NOT_SERVING = 'This ZooKeeper instance is not currently serving requests'

function answer(view: FakeView, word: FourLetterWord, argument?: Uint8Array): string {
  const text = answerWord(word, view, ALL, argument)
  assert.is(typeof text, 'string', 'nothing has to be waited for')
  return text as string
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('a word is what four bytes spell, whatever follows', () => {
  for (const word of FOUR_LETTER_WORDS) {
    assert.is(wordOf(bytes(word)), word)
    assert.is(wordOf(bytes(`${word}\r\n`)), word)
  }
  assert.is(FOUR_LETTER_WORDS.length, 18)
  assert.is(wordOf(Uint8Array.of(0xff, 0xf4, 0xff, 0xfd)), 'telnet close')
  for (const none of ['RUOK', 'ruo', 'ruoK', 'kill', '\0\0\0-', '']) assert.is(wordOf(bytes(none)), null, none)
})

test('only what is listed is answered, and srvr always', () => {
  const view = new FakeView()
  for (const word of [...FOUR_LETTER_WORDS, 'telnet close'] as const) {
    const refusal = `${word} is not executed because it is not in the whitelist.\n`
    const text = answerWord(word, view, ['srvr'])
    if (word === 'srvr') assert.match(text as string, /^Zookeeper version: /)
    else assert.is(text, refusal)
    assert.is(isAllowed(word, []), word === 'srvr')
    assert.is(isAllowed(word, ['ruok', 'mntr']), ['srvr', 'ruok', 'mntr'].includes(word), word)
  }
  assert.is(answerWord('ruok', view, ['mntr', 'ruok']), 'imok')
  assert.is(answer(view, 'telnet close'), '')
})

test('without service most words say so and change nothing', () => {
  const view = new FakeView()
  view.serving = false
  const mask = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7)
  const others = new Map<FourLetterWord, string>([
    ['ruok', 'imok'], ['isro', 'null'], ['hash', NOT_SERVING], ['gtmk', '306'], ['stmk', '7'], ['telnet close', ''],
    ['envi', `Environment:\nzookeeper.version=${VERSION}\nhost.name=localhost\nos.name=Linux\nuser.dir=/two lines\n`],
  ])
  for (const word of FOUR_LETTER_WORDS) {
    assert.is(answer(view, word, mask), others.get(word) ?? `${NOT_SERVING}\n`, word)
  }
  assert.is(view.stats.receivedPackets, 20)
})

test('small ones', () => {
  const view = new FakeView()
  assert.is(answer(view, 'ruok'), 'imok')
  assert.is(answer(view, 'isro'), 'rw')
  assert.is(answer(view, 'dirs'), 'datadir_size: 67109337\nlogdir_size: 67109338\n')
  assert.is(answer(view, 'gtmk'), '306')
  const masks = Uint8Array.of(9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe)
  assert.is(answer(view, 'stmk', masks.subarray(1)), '-2')
  assert.is(answer(view, 'gtmk'), '-2')
  assert.is(answer(view, 'hash'), '')
  view.digestLines = [{ zxid: 0x80, digest: 1_371_985_504n }, { zxid: 0x10_0000_0080, digest: -7n }]
  assert.is(answer(view, 'hash'), '80: 1371985504\n1000000080: -7\n')
  view.readOnly = true
  assert.is(answer(view, 'isro'), 'ro')
})

test('what takes time is waited for, and its failure is the answer\'s', async () => {
  const view = new FakeView()
  view.folderSizes = () => Promise.resolve({ dataBytes: 1, logBytes: 2 })
  assert.is(await answerWord('dirs', view, ALL), 'datadir_size: 1\nlogdir_size: 2\n')
  view.folderSizes = () => Promise.reject(new Error('no such folder'))
  await Promise.resolve(answerWord('conf', view, ALL)).then(() => assert.unreachable(),
    (error: unknown) => assert.match(String(error), /no such folder/))
})

const STANDALONE_SRVR = `Zookeeper version: ${VERSION}
Latency min/avg/max: 0/1.0625/4
Received: 20
Sent: 21
Connections: 3
Outstanding: 0
Zxid: 0x8
Mode: standalone
Node count: 10
`

function three(view: FakeView): FakeView {
  view.lines = [
    asking('127.0.0.1:44420'),
    served('127.0.0.1:44376', A, 10_000, [[3, 2], [1, 2], [1, 2], [4, 0], [3, 0], [8, 0], [1, 4], [4, 0]],
      { zxid: 8, atMs: 40_722_042.7, establishedMs: 1_795_450_747_615.4 }),
    served('127.0.0.1:44386', B, 15_000, [[1, 2], [1, 1], [4, 0], [5, 1], [4, 0], [9, 1.9]],
      { zxid: 8, atMs: 40_722_043, establishedMs: 1_795_450_747_626 }),
  ]
  for (const { stats } of view.lines.slice(1)) stats.notified()
  return view
}

test('srvr and stat of a server on its own', () => {
  const view = three(new FakeView())
  assert.is(answer(view, 'srvr'), STANDALONE_SRVR)
  const [version = '', ...rest] = STANDALONE_SRVR.split('\n')
  assert.is(answer(view, 'stat'), `${version}
Clients:
 /127.0.0.1:44420[0](queued=0,recved=1,sent=0)
 /127.0.0.1:44376[1](queued=0,recved=9,sent=10)
 /127.0.0.1:44386[1](queued=0,recved=7,sent=8)

${rest.join('\n')}`)
  view.lines = []
  assert.match(answer(view, 'stat'), /\nClients:\n\nLatency/)
})

test('srvr of a leader, and of one that only reads', () => {
  const view = three(new FakeView())
  view.lead()
  view.zxid = 0x1_0000_001a
  assert.is(answer(view, 'srvr').split('\n').slice(6).join('\n'),
    'Zxid: 0x10000001a\nMode: leader\nNode count: 10\nProposal sizes last/min/max: 63/48/100\n')
  view.leader = null
  view.role = 'follower'
  view.readOnly = true
  assert.is(answer(view, 'srvr').split('\n')[1], 'READ-ONLY mode; serving only read-only clients')
  assert.match(answer(view, 'srvr'), /\nMode: read-only\n/)
})

test('cons', () => {
  const view = three(new FakeView())
  assert.is(answer(view, 'cons'), ` /127.0.0.1:44420[0](queued=0,recved=1,sent=0)
 /127.0.0.1:44376[1](queued=0,recved=9,sent=10,sid=0x100026cc8fe0000,lop=GETD,est=1795450747615,to=10000,lcxid=0x8,` +
`lzxid=0x8,lresp=40722042,llat=0,minlat=0,avglat=1,maxlat=4)
 /127.0.0.1:44386[1](queued=0,recved=7,sent=8,sid=0x100026cc8fe0001,lop=SYNC,est=1795450747626,to=15000,lcxid=0x6,` +
`lzxid=0x8,lresp=40722043,llat=1,minlat=0,avglat=0,maxlat=2)

`)
})

test('crst and srst', () => {
  const view = three(new FakeView())
  view.lead()
  assert.is(answer(view, 'crst'), 'Connection stats reset.\n')
  assert.is(answer(view, 'cons').split('\n')[1], ' /127.0.0.1:44376[1](queued=0,recved=0,sent=0,' +
    'sid=0x100026cc8fe0000,lop=NA,est=1795450747615,to=10000,lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,' +
    'avglat=0,maxlat=0)')
  assert.match(answer(view, 'srvr'), /\nReceived: 20\n/)
  assert.is(answer(view, 'srst'), 'Server stats reset.\n')
  assert.match(answer(view, 'srvr'), /\nLatency min\/avg\/max: 0\/0.0\/0\nReceived: 0\nSent: 0\nConnections: 3\n/)
  assert.match(answer(view, 'srvr'), /\nProposal sizes last\/min\/max: -1\/-1\/-1\n$/)
  assert.match(answer(view, 'mntr'), /\nzk_max_client_response_size\t-1\n/)
})

const ENSEMBLE = `server.1=127.0.0.1:23331:23341:participant
server.4=127.0.0.1:23334:23344:observer
version=0`

test('conf', () => {
  const view = new FakeView()
  const alone = `clientPort=23301
secureClientPort=-1
dataDir=/data/d1/version-2
dataDirSize=67109337
dataLogDir=/log/d1/version-2
dataLogSize=67109338
tickTime=2000
maxClientCnxns=0
minSessionTimeout=4000
maxSessionTimeout=40000
clientPortListenBacklog=-1
serverId=0
`
  assert.is(answer(view, 'conf'), alone)
  view.settings = {
    ...view.settings, serverId: 4,
    ensemble: {
      initTicks: 10, syncTicks: 5, electionPort: '23344', quorumPort: '23334', isObserver: true, membership: ENSEMBLE,
    },
  }
  assert.is(answer(view, 'conf'), `${alone.replace('serverId=0', 'serverId=4')}initLimit=10
syncLimit=5
electionAlg=3
electionPort=23344
quorumPort=23334
peerType=1
membership: \n${ENSEMBLE}`)
})

const EPHEMERALS = `ephemeral nodes dump:
Sessions with Ephemerals (2):
0x100026cc8fe0000:
\t/a/e0
\t/a/s0000000001
0x100026cc8fe0001:
\t/a/s0000000003
\t/a/e1
Connections dump:
`

test('dump of who leads', () => {
  const view = three(new FakeView())
  const sessions = `SessionTracker dump:
Session Sets (2)/(2):
1 expire at Mon Nov 23 16:19:19 UTC 2026:
\t0x100026cc8fe0000
1 expire at Mon Nov 23 16:19:23 UTC 2026:
\t0x100026cc8fe0001
`
  assert.is(answer(view, 'dump'), sessions + EPHEMERALS)
  view.lines = view.lines.map((line) => ({ ...line, expiresMs: NOON_MS + 25_000 }))
  view.sessionLines.reverse()
  view.lead()
  assert.is(answer(view, 'dump'), `${sessions}${EPHEMERALS}Connections Sets (1)/(3):
3 expire at Mon Nov 23 16:19:25 UTC 2026:
\tip: /127.0.0.1:44420 sessionId: 0x0
\tip: /127.0.0.1:44376 sessionId: 0x100026cc8fe0000
\tip: /127.0.0.1:44386 sessionId: 0x100026cc8fe0001
`)
})

test('dump of who follows', () => {
  const view = new FakeView()
  view.sessionLines = view.sessionLines.map((line) => ({ ...line, expiresMs: null }))
  for (const role of ['follower', 'observer'] as const) {
    view.role = role
    assert.is(answer(view, 'dump'), 'SessionTracker dump:\nGlobal Sessions(2):\n' +
      `0x100026cc8fe0000\t10000ms\n0x100026cc8fe0001\t15000ms\n${EPHEMERALS}`)
  }
})

test('watches', () => {
  const view = new FakeView()
  assert.is(answer(view, 'wchs'), '2 connections watching 2 paths\nTotal watches:3\n')
  assert.is(answer(view, 'wchc'), '0x100026cc8fe0000\n\t/a\n\t/b\n0x100026cc8fe0001\n\t/a\n\n')
  assert.is(answer(view, 'wchp'), '/a\n\t0x100026cc8fe0000\n\t0x100026cc8fe0001\n/b\n\t0x100026cc8fe0000\n\n')
  view.watched = []
  assert.is(answer(view, 'wchs'), '0 connections watching 0 paths\nTotal watches:0\n')
  assert.is(answer(view, 'wchc'), '\n')
  assert.is(answer(view, 'wchp'), '\n')
})

/** What a server on its own said, without what is of its platform. */
const STANDALONE_MNTR = `zk_version\t${VERSION}
zk_server_state\tstandalone
zk_ephemerals_count\t4
zk_num_alive_connections\t3
zk_avg_latency\t1.0625
zk_outstanding_requests\t0
zk_znode_count\t10
zk_global_sessions\t2
zk_non_mtls_remote_conn_count\t0
zk_last_client_response_size\t22
zk_packets_sent\t21
zk_packets_received\t20
zk_max_client_response_size\t93
zk_connection_drop_probability\t0.0
zk_watch_count\t4
zk_auth_failed_count\t0
zk_min_latency\t0
zk_approximate_data_size\t93
zk_local_sessions\t0
zk_uptime\t38376
zk_max_latency\t4
zk_outstanding_tls_handshake\t0
zk_min_client_response_size\t16
zk_non_mtls_local_conn_count\t0
zk_avg_readlatency\t0.375
zk_min_readlatency\t0
zk_max_readlatency\t1
zk_cnt_readlatency\t8
zk_sum_readlatency\t3
zk_avg_updatelatency\t1.75
zk_min_updatelatency\t1
zk_max_updatelatency\t4
zk_cnt_updatelatency\t8
zk_sum_updatelatency\t14`.split('\n')

const sorted = (lines: readonly string[]): string[] => [...lines].sort()

function monitor(view: FakeView): string[] {
  const text = answer(view, 'mntr')
  assert.ok(text.endsWith('\n'))
  const lines = text.slice(0, -1).split('\n')
  for (const line of lines) assert.match(line, /^zk_\w+\t[\w.-]+/)
  return lines
}

test('mntr of a server on its own: the same keys and values, the version first', () => {
  const view = three(new FakeView())
  const lines = monitor(view)
  assert.equal(lines.slice(0, 2), STANDALONE_MNTR.slice(0, 2))
  assert.equal(sorted(lines), sorted(STANDALONE_MNTR))
})

test('mntr of a member', () => {
  const view = three(new FakeView())
  view.lead()
  const alone = new Set(STANDALONE_MNTR)
  const added = (): string[] => sorted(monitor(view).filter((line) => !alone.has(line)))
  assert.equal(added(), sorted([
    'zk_server_state\tleader', 'zk_peer_state\tleading - broadcast', 'zk_quorum_size\t3', 'zk_learners\t3',
    'zk_synced_followers\t2', 'zk_synced_non_voting_followers\t0', 'zk_synced_observers\t1', 'zk_pending_syncs\t0',
    'zk_leader_uptime\t37268', 'zk_last_proposal_size\t63', 'zk_min_proposal_size\t48', 'zk_max_proposal_size\t100',
  ]))
  view.leader = null
  view.role = 'follower'
  assert.equal(added(), ['zk_peer_state\tfollowing - broadcast', 'zk_quorum_size\t3', 'zk_server_state\tfollower'])
  view.role = 'observer'
  view.observedPeer = 3
  assert.equal(added(), ['zk_observer_master_id\t3', 'zk_peer_state\tobserving - broadcast', 'zk_quorum_size\t3',
    'zk_server_state\tobserver'])
})

test('mntr with more numbers', () => {
  const view = three(new FakeView())
  view.extra = {
    open_file_descriptor_count: 41, avg_fsynctime: 2, avg_x: 11 / 12, loop_delay_mean: 0.25, auth_failed_count: 3,
  }
  const lines = new Set(monitor(view))
  for (const line of [
    'zk_open_file_descriptor_count\t41', 'zk_avg_fsynctime\t2.0', 'zk_avg_x\t0.9167', 'zk_loop_delay_mean\t0.25',
    'zk_auth_failed_count\t3',
  ]) assert.ok(lines.has(line), line)
  assert.not(lines.has('zk_auth_failed_count\t0'))
})

/** Opcode, whether it failed, and what `cons` said next. */
const OPERATIONS: readonly (readonly [op: number, isFailed: boolean, name: string])[] = [
  [OPEN_SESSION, false, 'SESS'], [-11, false, 'CLOS'], [11, false, 'PING'], [1, false, 'CREA'], [15, false, 'CREA'],
  [19, false, 'CREA'], [21, false, 'CREA'], [21, true, 'NA'], [1, true, 'NA'], [3, false, 'EXIS'], [3, true, 'EXIS'],
  [4, false, 'GETD'], [4, true, 'GETD'], [5, false, 'SETD'], [5, true, 'NA'], [6, false, 'GETA'], [7, false, 'SETA'],
  [8, false, 'GETC'], [12, false, 'GETC'], [9, false, 'SYNC'], [104, false, 'GETACN'], [103, false, 'GETE'],
  [107, false, 'HOMI'], [14, false, 'MULT'], [14, true, 'MULT'], [22, false, 'MLTR'], [106, false, 'ADDW'],
  [17, false, 'CHKW'], [18, false, 'REMW'], [18, true, 'REMW'], [101, false, 'SETW'], [105, false, 'STW2'],
  [2, false, 'DELE'], [2, true, 'NA'], [16, true, 'NA'], [16, false, 'RECO'], [20, true, 'NA'], [20, false, 'DELE'],
]

test('the last operation', () => {
  const stats = new ConnectionStats(new ServerStats(), 0)
  assert.is(stats.lastOperation, 'NA')
  for (const [op, isFailed, name] of OPERATIONS) {
    stats.replied(op, 1, 1, 0, 1, isFailed)
    assert.is(stats.lastOperation, name, `${op} ${isFailed}`)
  }
})

test('what a connection counts', () => {
  const server = new ServerStats()
  const stats = new ConnectionStats(server, 5)
  stats.received()
  stats.replied(OPEN_SESSION, 0, 11, 1, 100)
  stats.received()
  stats.replied(11, -2, 12, 3, 101)
  assert.equal([stats.lastXid, stats.lastZxid, stats.lastReplyMs, stats.lastLatencyMs], [0, 12, 101, 3])
  stats.replied(4, 7, 13, 2, 102)
  stats.replied(101, -8, 13, 2, 103)
  stats.notified()
  assert.equal([stats.lastXid, stats.lastReplyMs, stats.receivedPackets, stats.sentPackets], [7, 103, 2, 5])
  const { latency } = stats
  assert.equal([latency.count, latency.minMs, latency.meanMs, latency.maxMs], [4, 1, 2, 3])
  stats.reset()
  assert.equal([stats.lastXid, stats.lastZxid, latency.count, latency.minMs, latency.maxMs], [-1, -1, 0, 0, 0])
  assert.is(stats.establishedWallMs, 5)
  assert.equal([stats.receivedPackets, stats.sentPackets], [0, 0])
  assert.equal([server.receivedPackets, server.sentPackets, server.latency.count, server.latency.maxMs], [2, 5, 4, 3])
})

test('a server tells reads from updates, and keeps that through a reset', () => {
  const stats = new ServerStats()
  for (const op of [OPEN_SESSION, -11, 1, 2, 5, 7, 14, 15, 16, 19, 20, 21]) stats.replied(op, 2)
  for (const op of [3, 4, 6, 8, 9, 11, 12, 22, 101, 106]) stats.replied(op, 1)
  assert.equal([stats.updates.count, stats.reads.count, stats.latency.count], [12, 10, 22])
  stats.sentPackets = 7
  stats.reset()
  assert.equal([stats.updates.count, stats.reads.count, stats.latency.count, stats.sentPackets], [12, 10, 0, 0])
})

test('numbers and dates as Java prints them', () => {
  const doubles: readonly (readonly [number, string])[] = [
    [0, '0.0'], [2, '2.0'], [1.0625, '1.0625'], [0.001, '0.001'], [0.0004, '4.0E-4'], [0.00012, '1.2E-4'],
    [9_999_999, '9999999.0'], [1e7, '1.0E7'], [12_345_678.5, '1.23456785E7'], [-3, '-3.0'], [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ]
  for (const [value, text] of doubles) assert.is(doubleText(value), text)
  assert.is(dateText(Date.UTC(2026, 0, 2, 3, 4, 5)), 'Fri Jan 02 03:04:05 UTC 2026')
  const view = new FakeView()
  view.stats.reset()
  for (let count = 0; count < 3; count++) view.stats.replied(4, count === 0 ? 1 : 0)
  assert.match(answer(view, 'srvr'), /: 0\/0\.3333\/1\n/)
})

test('a session of another peer owns and watches like any other', () => {
  const view = new FakeView()
  const far = '0x3000000000000001' as SessionId
  view.watched = [{ path: '/far', sessions: [far] }]
  assert.is(answer(view, 'wchc'), `${far}\n\t/far\n\n`)
})

test.run()
