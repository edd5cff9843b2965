import { closeSync, openSync, readFileSync } from 'node:fs'
import { VERSION } from '../../lib/core/version.ts'
import type { ClientPortOptions } from '../../lib/peer/client-port.ts'
import type { Peer } from '../../lib/peer/peer.ts'
import type { Transport } from '../../lib/ports/transport.ts'
import { memory as memoryStorage } from '../../storage/memory.ts'
import { memory as memoryTransport, MemoryNetwork } from '../../transports/memory.ts'
import { assert, suite } from '../harness.ts'
import type { Case } from '../harness.ts'
import { connect, startPeer } from './fixture.ts'

const test = suite('four-letter words of a peer')

interface Ensemble {
  readonly peers: readonly Peer[]
  readonly transport: Transport
  /** What a peer answers to these first bytes. */
  readonly ask: (id: number, first: string) => Promise<string>
}

/** `voters` and one observer, or a single peer; `started` of them run. */
async function ensemble(t: Case, voters: number, clients: Partial<ClientPortOptions>,
  started = voters === 1 ? 1 : voters + 1): Promise<Ensemble> {
  const network = new MemoryNetwork()
  const transport = memoryTransport(network)
  const size = voters === 1 ? 1 : voters + 1
  const members = Object.fromEntries(Array.from({ length: size }, (_, index) => [index + 1,
    { addresses: `memory://${index + 1}`, role: index < voters ? 'voter' as const : 'observer' as const }]))
  const peers: Peer[] = []
  for (let id = 1; id <= started; id++) {
    peers.push(await startPeer(t, {
      id, ensemble: { name: 'test', members }, transports: [transport], storage: memoryStorage(), bootstrap: true,
      clients: { listen: [`memory://clients-${id}`], ...clients },
    }))
  }
  const ask = async (id: number, first: string): Promise<string> => {
    const link = await transport.dial(`memory://clients-${id}`)
    return new Promise((resolve) => {
      let text = ''
      link.attach({
        onData: (chunk) => { text += new TextDecoder('latin1').decode(chunk) },
        onDrain: () => undefined,
        onClose: () => resolve(text),
      })
      link.send(Uint8Array.from(first, (letter) => letter.charCodeAt(0)))
    })
  }
  return { peers, ask, transport }
}

test('the version is the manifest\'s', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.is(VERSION, manifest.version)
})

test('mntr tells how many files are open, and may be, where the platform tells', async (t) => {
  const { peers: [peer], ask } = await ensemble(t, 1, { words: ['mntr'] })
  await peer!.ready()
  const count = async (name: string): Promise<number | null> => {
    const line = new RegExp(`^zk_${name}\\t(\\d+)$`, 'm').exec(await ask(1, 'mntr'))
    return line === null ? null : Number(line[1])
  }
  if (process.platform !== 'linux') return assert.is(await count('open_file_descriptor_count'), null)
  const before = (await count('open_file_descriptor_count'))!
  const files = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'))
  t.defer(() => files.forEach((file) => closeSync(file)))
  const after = (await count('open_file_descriptor_count'))!
  assert.ok(before > 3 && after >= before + 15 && after <= before + 25, `${before}, then ${after}`)
  assert.ok((await count('max_file_descriptor_count'))! >= after)
})

test('a peer on its own answers what is listed, whoever asks', async (t) => {
  const { peers: [peer], ask } = await ensemble(t, 1, { words: ['ruok', 'envi'] })
  await peer!.ready()
  assert.is(await ask(1, 'ruok'), 'imok')
  assert.is(await ask(1, 'mntr\n'), 'mntr is not executed because it is not in the whitelist.\n')
  assert.is(await ask(1, 'stmk'), 'stmk is not executed because it is not in the whitelist.\n')
  assert.match(await ask(1, 'envi'), /^Environment:\nzookeeper\.version=3\.9\.3-vivarium-/)
  assert.match(await ask(1, 'srvr\r\n'),
    /\nReceived: 5\nSent: 4\nConnections: 1\nOutstanding: 0\nZxid: 0x10000000.\nMode: standalone\nNode count: 5\n$/)
})

test('sessions of this process own and watch', async (t) => {
  const { peers: [peer], ask } = await ensemble(t, 1, { words: ['*'] })
  await peer!.ready()
  const session = await connect(peer!)
  assert.is(await session.create('/a', 'hello'), 'Ok')
  await session.call({ op: 1, path: '/e', data: null, acl: [{ perms: 31, scheme: 'world', id: 'anyone' }], flags: 1,
    ttlMs: -1 })
  await session.call({ op: 4, path: '/a', watch: true })
  const id = session.session!
  assert.is(await ask(1, 'wchp'), `/a\n\t${id}\n\n`)
  assert.is(await ask(1, 'wchc'), `${id}\n\t/a\n\n`)
  assert.match(await ask(1, 'dump'), new RegExp(`^SessionTracker dump:
Session Sets \\(1\\)/\\(1\\):
1 expire at ... ... .. ..:..:.. UTC ....:
\t${id}
ephemeral nodes dump:
Sessions with Ephemerals \\(1\\):
${id}:
\t/e
Connections dump:
Connections Sets \\(1\\)/\\(1\\):
1 expire at ... ... .. ..:..:.. UTC ....:
\tip: /\\S+ sessionId: 0x0
$`))
  const lines = new Set((await ask(1, 'mntr')).split('\n'))
  for (const line of ['zk_znode_count\t7', 'zk_ephemerals_count\t1', 'zk_watch_count\t1', 'zk_global_sessions\t1',
    `zk_approximate_data_size\t${44 + '/a/e'.length + 'hello'.length}`, 'zk_num_alive_connections\t1',
    'zk_server_state\tstandalone']) assert.ok(lines.has(line), line)
  assert.is(await ask(1, 'stmk\0\0\0\0\0\0\0\x07'), '7')
  assert.is(await ask(1, 'gtmk'), '7')
  assert.match(await ask(1, 'conf'), /\nserverId=0\n$/)
  assert.is(await ask(1, 'dirs'), 'datadir_size: 0\nlogdir_size: 0\n')
  assert.match(await ask(1, 'stat'), /\nClients:\n \/[^\n]*\[0\]\(queued=0,recved=1,sent=0\)\n\nLatency/)
  assert.is(await ask(1, '\xff\xf4\xff\xfd'), '')
})

/** Length and body of a frame, from int32s. */
function frame(...words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + words.length * 4)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  for (const [index, word] of [words.length * 4, ...words].entries()) view.setInt32(index * 4, word)
  return bytes
}

test('a connection counts as ZooKeeper counts', async (t) => {
  const { peers: [peer], ask, transport } = await ensemble(t, 1, { words: ['*'] })
  await peer!.ready()
  const link = await transport.dial('memory://clients-1')
  let heard = 0
  const replies = new Map<number, () => void>()
  link.attach({
    onData: (chunk) => {
      heard += chunk.length
      for (const [bytes, resolve] of replies) if (heard >= bytes) resolve()
    },
    onDrain: () => undefined, onClose: () => undefined,
  })
  const until = (bytes: number): Promise<void> => new Promise((resolve) => { replies.set(bytes, resolve) })
  const line = async (): Promise<string> => /sid=.*/.exec(await ask(1, 'cons'))?.[0].replace(/,est=\d+/, '')
    .replace(/,lresp=.*/, '') ?? ''
  const counts = async (): Promise<string> => /recved=\d+,sent=\d+(?=,sid)/.exec(await ask(1, 'cons'))?.[0] ?? ''
  // A connect request: version, zxid, timeout, session, password of 16 bytes.
  let done = until(4 + 36)
  link.send(frame(0, 0, 0, 10_000, 0, 0, 16, 0, 0, 0, 0))
  await done
  assert.is(await counts(), 'recved=1,sent=1')
  assert.match(await line(), /^sid=0x1.*,lop=SESS,to=10000,lcxid=0x0,lzxid=0x1.*$/)
  done = until(4 + 36 + 20)
  link.send(frame(-2, 11))
  await done
  assert.is(await counts(), 'recved=2,sent=2')
  assert.match(await line(), /,lop=PING,to=10000,lcxid=0x0,/)
  done = until(4 + 36 + 2 * 20)
  // setData of what is not there: `/b`, no data, any version.
  link.send(Uint8Array.of(
    0, 0, 0, 22, 0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 2, 47, 98, 255, 255, 255, 255, 255, 255, 255, 255))
  await done
  assert.is(await counts(), 'recved=3,sent=3')
  assert.match(await line(), /,lop=NA,to=10000,lcxid=0x7,/)
  done = until(4 + 36 + 3 * 20)
  // auth: type 0, scheme `ip`, nothing.
  link.send(Uint8Array.of(0, 0, 0, 22, 255, 255, 255, 252, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 2, 105, 112, 0, 0, 0, 0))
  await done
  assert.is(await counts(), 'recved=4,sent=4')
  assert.match(await line(), /,lop=NA,to=10000,lcxid=0x7,/)
  const lines = new Set((await ask(1, 'mntr')).split('\n'))
  for (const text of ['zk_cnt_updatelatency\t2', 'zk_cnt_readlatency\t1', 'zk_max_client_response_size\t16',
    'zk_num_alive_connections\t2', 'zk_connection_request_count\t1']) assert.ok(lines.has(text), text)
  link.close()
})

test('every member says what it is', async (t) => {
  const { peers, ask } = await ensemble(t, 3, { words: ['*'] })
  await Promise.all(peers.map((peer) => peer.ready()))
  const leader = peers.findIndex((peer) => peer.status().role === 'leading') + 1
  const session = await connect(peers[0]!)
  for (const { id } of peers) {
    const mode = id === leader ? 'leader' : id === 4 ? 'observer' : 'follower'
    const server = await ask(id, 'srvr')
    assert.match(server, new RegExp(`\nMode: ${mode}\n`))
    assert.is(/\nProposal sizes last\/min\/max: \d+\/\d+\/\d+\n$/.test(server), id === leader)
    const lines = new Set((await ask(id, 'mntr')).split('\n'))
    assert.ok(lines.has(`zk_server_state\t${mode}`) && lines.has('zk_quorum_size\t3'))
    assert.is(lines.has('zk_learners\t3'), id === leader)
    assert.is(lines.has('zk_synced_followers\t2') && lines.has('zk_synced_observers\t1'), id === leader)
    assert.is(lines.has(`zk_observer_master_id\t${leader}`), id === 4)
    const settings = new RegExp(`\nserverId=${id}\n[^]*\npeerType=${id === 4 ? 1 : 0}\nmembership: \n`)
    assert.match(await ask(id, 'conf'), settings)
    assert.is(await ask(id, 'isro'), 'rw')
  }
  assert.match(await ask(leader, 'dump'), new RegExp(`Session Sets \\(1\\)/\\(1\\):\n[^]*\n\t${session.session!}\n`))
})

test('without a quorum', async (t) => {
  const { ask } = await ensemble(t, 3, { words: ['*'] }, 1)
  const refusal = 'This ZooKeeper instance is not currently serving requests'
  assert.is(await ask(1, 'ruok'), 'imok')
  assert.is(await ask(1, 'isro'), 'null')
  assert.is(await ask(1, 'srvr'), `${refusal}\n`)
  assert.is(await ask(1, 'hash'), refusal)
})

test.run()
