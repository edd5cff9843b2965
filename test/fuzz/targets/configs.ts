import { parseProperties } from '../../../lib/cli/properties.ts'
import { UsageError } from '../../../lib/cli/usage.ts'
import { parseZooConfig } from '../../../lib/cli/zoo-config.ts'
import { must } from '../target.ts'
import type { Target } from '../target.ts'

const KEYS = ['dataDir', 'clientPort', 'clientPortAddress', 'tickTime', 'initLimit', 'syncLimit', 'minSessionTimeout',
  'maxSessionTimeout', 'maxClientCnxns', 'maxCnxns', '4lw.commands.whitelist', 'snapCount', 'jute.maxbuffer', 'skipACL',
  'superDigest', 'extendedTypesEnabled', 'enforceQuota', 'quorumListenOnAllIPs', 'dynamicConfigFile', 'peerType',
  'autopurge.purgeInterval', 'group.1', 'weight.1', 'server.1', 'server.255', 'zookeeper.skipACL', 'electionAlg',
  'admin.enableServer', 'constructor', '__proto__', 'toString', 'dataLogDir', 'znode.container.checkIntervalMs']
const WORDS = ['=', ':', '\n', '\r\n', '\\\n', '\\', '#', '!', '\\u0041', '\\u00', ' ', '\t', ';', '|', ',', '*',
  'yes', 'false',
  '2181', '0x10', '-1', '99999999999999999999', 'observer', 'participant', 'h:2888:3888', '[::1]:2888:3888', ';2181',
    'ruok']

const SAMPLE = `# a comment
dataDir=/var/lib/zookeeper
tickTime = 2000
initLimit: 10
syncLimit 5
clientPort=2181
4lw.commands.whitelist=ruok, stat
jute.maxbuffer=0xfffff
autopurge.purgeInterval=1
server.1=one.example:2888:3888
server.2=[fd00::2]:2888:3888:participant;[::]:2181
server.3=a:2888:3888|b:2889:3889:observer;2181;2281
`

/** The configuration of a ZooKeeper server, and the file of members that it may name. */
export const configsTarget: Target = {
  name: 'configs', about: 'zoo.cfg, the dynamic file and the syntax of properties',
  tokens: [...KEYS.flatMap((key) => [key, `\n${key}=`]), ...WORDS],
  seeds: () => [SAMPLE, 'dataDir=/d', `dataDir=/d\ndynamicConfigFile=/e\n\0server.1=h:1:2;3`,
    'a=b\\\n  c\\\\\n!d\ne\\ f:g']
    .map((text) => new TextEncoder().encode(text)),
  make: () => ({
    run(input) {
      const [text = '', dynamic = ''] = new TextDecoder().decode(input).split('\0')
      for (const { key, value, line } of parseProperties(text)) {
        must(line >= 1 && value === value.trim() && typeof key === 'string', 'a property that is none')
      }
      try {
        const config = parseZooConfig(text, () => dynamic)
        must(config.servers.every(({ id, addresses }) => id >= 1 && id <= 255 &&
          addresses.every((address) => /^.+:\d{1,5}$/.test(address))), 'a server that is none')
        must(config.sessionMinMs <= config.sessionMaxMs && config.tickMs >= 1, 'times that are none')
        must(config.warnings.every((warning) => typeof warning === 'string'), 'a warning that is none')
        return `${config.servers.length} ${config.warnings.length}`
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        return error.message.replace(/[^a-z ]/g, '').slice(-24)
      }
    },
  }),
}
