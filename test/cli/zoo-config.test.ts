import { parseProperties } from '../../lib/cli/properties.ts'
import { UsageError } from '../../lib/cli/usage.ts'
import { parseZooConfig } from '../../lib/cli/zoo-config.ts'
import type { ZooConfig } from '../../lib/cli/zoo-config.ts'
import { assert, suite } from '../harness.ts'

const test = suite('zoo.cfg')

function parse(text: string, files: Readonly<Record<string, string>> = {}): ZooConfig {
  return parseZooConfig(text, (path) => {
    const file = files[path]
    if (file === undefined) throw new UsageError(`no file ${path}`)
    return file
  })
}

test('the syntax of properties', () => {
  const text = [
    '# comment', '! comment', '', 'a=1', 'b : two words  ', 'c 3', 'd\\ e = x',
    'long = one, \\', '   two, \\', '   three',
    'empty', 'escaped=a\\tb\\u0041\\\\', 'eq = a=b:c', '  indented = yes', 'last=end\\',
  ].join('\r\n')
  assert.equal(parseProperties(text).map(({ key, value, line }) => [key, value, line]), [
    ['a', '1', 4], ['b', 'two words', 5], ['c', '3', 6], ['d e', 'x', 7], ['long', 'one, two, three', 8],
    ['empty', '', 11], ['escaped', 'a\tbA\\', 12], ['eq', 'a=b:c', 13], ['indented', 'yes', 14], ['last', 'end', 15],
  ])
})

test('what ZooKeeper takes when nothing is said', () => {
  const config = parse('dataDir=/var/lib/zookeeper\nclientPort=2181\n')
  assert.equal(config, {
    dataDir: '/var/lib/zookeeper', servers: [], tickMs: 3000, clientPort: 2181, clientPortAddress: '0.0.0.0',
    peerType: null,
    initTicks: 10, syncTicks: 5, sessionMinMs: 6000, sessionMaxMs: 60000, perAddress: 60, connections: 0, words: [],
    snapshotTxns: null, requestBytes: null, skipAcl: false, superDigest: null, ttl: true, listensOnAll: false,
    enforceQuota: false,
    reapMs: 60_000, warnings: [],
  })
})

test('the keys of an ensemble', () => {
  const config = parse(`
    tickTime=2000
    initLimit=10
    syncLimit=5
    dataDir=/data
    clientPort=2181
    clientPortAddress=127.0.0.1
    maxClientCnxns=0
    maxCnxns=7
    minSessionTimeout=1000
    maxSessionTimeout=50000
    4lw.commands.whitelist=stat, ruok,mntr
    snapCount=5000
    znode.container.checkIntervalMs=7000
    jute.maxbuffer=0x200000
    skipACL=yes
    enforceQuota=true
    DigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs=
    extendedTypesEnabled=false
    quorumListenOnAllIPs=true
    server.3=[::1]:2888:3888:observer;2183
    server.1=h1:2888:3888
    server.2=h2:2888:3888|10.0.0.2:2889:3889:participant;h2:2182
  `)
  assert.equal(config.servers, [
    { id: 1, isObserver: false, addresses: ['h1:2888'], client: null },
    { id: 2, isObserver: false, addresses: ['h2:2888', '10.0.0.2:2889'], client: 'h2:2182' },
    { id: 3, isObserver: true, addresses: ['[::1]:2888'], client: '0.0.0.0:2183' },
  ])
  const { tickMs, sessionMinMs, sessionMaxMs, perAddress, connections, words, snapshotTxns, requestBytes } = config
  assert.equal([tickMs, sessionMinMs, sessionMaxMs, perAddress, connections, words, snapshotTxns, requestBytes],
    [2000, 1000, 50_000, 0, 7, ['stat', 'ruok', 'mntr'], 5000, 2_097_152])
  assert.is(config.reapMs, 7_000)
  const { skipAcl, superDigest, ttl, listensOnAll, enforceQuota, warnings } = config
  assert.equal([skipAcl, superDigest, ttl, listensOnAll, enforceQuota, warnings],
    [true, 'super:xQJmxLMiHGwaqBvst5y6rkB6HQs=', false, true, true, []])
})

test('server lines of a dynamic file', () => {
  const config = parse('dataDir=d\ndynamicConfigFile=conf/zoo.dynamic\n',
    { 'conf/zoo.dynamic': 'server.1=h1:2888:3888:participant;2181\nversion=100000000\n' })
  assert.equal(config.servers, [{ id: 1, isObserver: false, addresses: ['h1:2888'], client: '0.0.0.0:2181' }])
  assert.equal(config.warnings, [])
})

test('an address of IPv6 for clients, with brackets or without', () => {
  for (const address of ['::1', '[::1]']) {
    assert.is(parse(`dataDir=d\nclientPortAddress=${address}\n`).clientPortAddress, '[::1]')
  }
})

test('what else a file asks for in vain is named, and no secret with it', () => {
  const { warnings, servers } = parse([
    'dataDir=d', 'ssl.keyStore.password=hunter2', 'ssl.keyStore.location=/k',
    'zookeeper.ssl.trustStore.passwordPath=/p',
    '4lw.commands.whitelist=ruok, rouk, *', 'server.1=h1:1:2;2181;[::1]:2281', 'server.2=h2:1:2;;2282',
    'server.3=h3:1:2;2183;',
  ].join('\n'))
  assert.equal(warnings, [
    'server.1: its secure client address [::1]:2281 is not honoured',
    'server.2: its secure client address 0.0.0.0:2282 is not honoured',
    '4lw.commands.whitelist: there is no word rouk',
    'ssl.keyStore.password is not honoured', 'ssl.keyStore.location=/k is not honoured',
    'ssl.trustStore.passwordPath is not honoured',
  ])
  assert.equal(servers.map(({ client }) => client), ['0.0.0.0:2181', null, '0.0.0.0:2183'])
})

test('what is not honoured is named, and nothing else is', () => {
  const config = parse([
    'dataDir=d', 'dataLogDir=/logs', 'autopurge.purgeInterval=1', 'autopurge.snapRetainCount=3',
    'admin.enableServer=false',
    'secureClientPort=2281', 'forceSync=no', 'zookeeper.admin.serverPort=8080', 'standaloneEnabled=true',
    'metricsProvider.className=x', 'electionAlg=3', 'peerType=participant', 'reconfigEnabled=true', 'unheardOf=1',
  ].join('\n'))
  assert.equal(config.warnings, [
    'dataLogDir=/logs is not honoured: the log is kept in dataDir', 'secureClientPort=2281 is not honoured',
    'forceSync=no is not honoured', 'admin.serverPort=8080 is not honoured',
    'metricsProvider.className=x is not honoured',
    'reconfigEnabled=true is not honoured', 'unheardOf=1 is not honoured',
  ])
})

const WRONG: readonly (readonly [text: string, message: RegExp])[] = [
  ['clientPort=2181', /dataDir is not set/],
  ['dataDir=d\ntickTime=fast', /tickTime=fast: a number from 1 is needed/],
  ['dataDir=d\ntickTime=0', /a number from 1/],
  ['dataDir=d\nmaxClientCnxns=-1', /a number from 0/],
  ['dataDir=d\nskipACL=perhaps', /true or false/],
  ['dataDir=d\nserver.1=h1', /server.1=h1: not of the form host:port:electionPort/],
  ['dataDir=d\nserver.1=h1:99999:1', /not of the form/],
  ['dataDir=d\nserver.1=h1:1:2;3;4;5', /not of the form/],
  ['dataDir=d\nserver.1=h1:1:2;x', /not of the form/],
  ['dataDir=d\nserver.1=h1:1:2;3;x', /not of the form/],
  ['dataDir=d\nclientPort=65536', /clientPort=65536: a number from 0 to 65535 is needed/],
  ['dataDir=d\nserver.0=h1:1:2', /from 1 to 255/],
  ['dataDir=d\nserver.1=h1:1:2\nserver.1=h2:1:2', /server.1 is named twice/],
  ['dataDir=d\nserver.1=h1:1:2:observer', /every server is an observer/],
  ['dataDir=d\ngroup.1=1:2:3', /line 2: group.1: quorums of groups/],
  ['dataDir=d\nweight.1=1', /quorums of groups/],
  ['dataDir=d\nminSessionTimeout=9\nmaxSessionTimeout=8', /must not be above/],
  ['dataDir=d\ndynamicConfigFile=none', /no file none/],
]

test('what cannot be meant is one clear line', () => {
  for (const [text, message] of WRONG) {
    let thrown: unknown
    try {
      parse(text)
    } catch (error) {
      thrown = error
    }
    assert.instance(thrown, UsageError, text)
    assert.match((thrown as Error).message, message)
    assert.not.match((thrown as Error).message, /\n/)
  }
})

test.run()
