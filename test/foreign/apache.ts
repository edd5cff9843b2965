/** Starts Apache ZooKeeper servers to compare with. */
import { findJars } from './apache-jars.ts'
import { startServers } from './servers.ts'
import type { Servers, ServersOptions } from './servers.ts'

/** How to start Apache ZooKeeper. */
export interface ApacheOptions extends ServersOptions {
  /** Further arguments of the JVM, such as `-Dzookeeper.x=y`. */
  readonly jvm?: readonly string[]
}

const JVM = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** Starts one server alone or an ensemble of three, and resolves when all serve. */
export async function startApache(options: ApacheOptions): Promise<Servers> {
  const { version, classPath } = await findJars()
  return startServers({
    name: `Apache ZooKeeper ${version}`,
    lines: ['admin.enableServer=false', 'extendedTypesEnabled=true'],
    command: (file) => [
      'java', ...JVM, ...options.jvm ?? [], '-cp', classPath, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', file,
    ],
  }, options)
}
