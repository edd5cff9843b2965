/**
 * Finds the jars of Apache ZooKeeper: a 3.9 release from Maven Central, kept in the folder for temporary files, else
 * what Debian packages. `APACHE_ZOOKEEPER=debian` asks for the latter.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, installPackage } from './command.ts'

/** A release of Apache ZooKeeper that can be started. */
export interface Jars {
  readonly version: string
  readonly classPath: string
}

/** The newest 3.9 release when this was written; the parents of its descriptors are not always published. */
const VERSION = '3.9.6'
const DEBIAN_JAR = '/usr/share/java/zookeeper.jar'

/** What the server needs at run time: no administration server, no log binding. */
const DEPENDENCIES: readonly (readonly [group: string, artifact: string, version: string])[] = [
  ['io.netty', 'netty-handler', '4.1.130.Final'],
  ['io.netty', 'netty-transport-native-epoll', '4.1.130.Final'],
  ['org.slf4j', 'slf4j-api', '2.0.13'],
  ['io.dropwizard.metrics', 'metrics-core', '4.1.12.1'],
  ['org.xerial.snappy', 'snappy-java', '1.1.10.5'],
  ['commons-io', 'commons-io', '2.17.0'],
  ['commons-cli', 'commons-cli', '1.5.0'],
  ['org.jline', 'jline', '3.25.1'],
]

const coordinates = ([group, artifact, version]: readonly [string, string, string]): string =>
  `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`

/** ZooKeeper's own jars are copied by name, by a plugin so old that it does not read their descriptors. */
const PROJECT = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>foreign</groupId><artifactId>foreign</artifactId><version>1</version>
<dependencies>${DEPENDENCIES.map((each) => `<dependency>${coordinates(each)}</dependency>`).join('\n')}</dependencies>
<build><plugins><plugin><artifactId>maven-dependency-plugin</artifactId><version>2.8</version><configuration>
<outputDirectory>\${project.basedir}/lib</outputDirectory><artifactItems>
${['zookeeper', 'zookeeper-jute'].map((name) =>
    `<artifactItem>${coordinates(['org.apache.zookeeper', name, VERSION])}</artifactItem>`).join('\n')}
</artifactItems></configuration></plugin></plugins></build></project>
`

async function central(): Promise<Jars> {
  const home = join(tmpdir(), `apache-zookeeper-${VERSION}`)
  const library = join(home, 'lib')
  if (!existsSync(join(library, `zookeeper-${VERSION}.jar`))) {
    const folder = mkdtempSync(join(tmpdir(), 'apache-zookeeper-'))
    try {
      writeFileSync(join(folder, 'pom.xml'), PROJECT)
      await command('mvn', ['-q', '-B', '-C', 'dependency:copy', 'dependency:copy-dependencies'], folder)
      mkdirSync(home, { recursive: true })
      // Another process may have been faster: its folder is as good.
      if (!existsSync(library)) renameSync(join(folder, 'lib'), library)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const jars = readdirSync(library).filter((name) => name.endsWith('.jar'))
  return { version: VERSION, classPath: jars.map((name) => join(library, name)).join(':') }
}

async function debian(): Promise<Jars> {
  if (!existsSync(DEBIAN_JAR)) await installPackage('zookeeper')
  const versions = readdirSync('/usr/share/java').map((name) => /^zookeeper-(\d[\d.]*)\.jar$/.exec(name)?.[1])
  return { version: versions.find((version) => version !== undefined) ?? 'unknown', classPath: DEBIAN_JAR }
}

/** Finds or installs Apache ZooKeeper. */
export async function findJars(): Promise<Jars> {
  if (process.env['APACHE_ZOOKEEPER'] === 'debian') return debian()
  try {
    return await central()
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    process.stdout.write(`no Apache ZooKeeper ${VERSION} from Maven Central (${reason}); taking Debian's\n`)
    return debian()
  }
}
