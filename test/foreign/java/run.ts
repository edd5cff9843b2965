/**
 * Runs checks with Apache ZooKeeper's Java client and with Apache Curator against three peers:
 *   node --import tsx test/foreign/java/run.ts [--against apache]
 * `--against apache` takes Apache ZooKeeper in our place, to prove the checks themselves.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findJars } from '../apache-jars.ts'
import { startApache } from '../apache.ts'
import { command, installPackage, succeeds } from '../command.ts'
import type { Servers } from '../servers.ts'
import { startVivarium } from '../vivarium.ts'

const CURATOR = '5.9.0'
const PROJECT = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>foreign</groupId><artifactId>foreign</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.curator</groupId><artifactId>curator-x-discovery</artifactId><version>${CURATOR}</version>
</dependency></dependencies></project>
`
const SOURCES = fileURLToPath(new URL('.', import.meta.url))

/** Jars of Curator and what it needs, kept in the folder for temporary files. */
async function curator(): Promise<string[]> {
  const home = join(tmpdir(), `curator-${CURATOR}`)
  const library = join(home, 'lib')
  if (!existsSync(library)) {
    const folder = mkdtempSync(join(tmpdir(), 'curator-'))
    try {
      writeFileSync(join(folder, 'pom.xml'), PROJECT)
      await command('mvn', ['-q', '-B', '-C', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], folder)
      mkdirSync(home, { recursive: true })
      // Another process may have been faster: its folder is as good.
      if (!existsSync(library)) renameSync(join(folder, 'lib'), library)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return readdirSync(library).map((name) => join(library, name))
}

/** Runs the program, does to the servers what it orders, and passes on what it prints. */
function run(classPath: string, servers: Servers): Promise<number> {
  const args = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, 'Check']
  const child = spawn('java', [...args, servers.hosts.join(',')], { stdio: ['pipe', 'pipe', 'ignore'] })
  const obey = async (order: string, host: string): Promise<void> => {
    const at = servers.hosts.indexOf(host)
    if (order === 'kill') await servers.kill(at)
    else await servers.restart(at)
    child.stdin.write('done\n')
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    const order = /^order: (kill|restart) (\S+)$/.exec(line)
    if (order === null) process.stdout.write(`${line}\n`)
    else obey(order[1] ?? '', order[2] ?? '').catch((error: unknown) => {
      process.stdout.write(`${String(error)}\n`)
      child.kill('SIGKILL')
    })
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}

if (!await succeeds('javac', '-version')) await installPackage('default-jdk-headless')
if (!await succeeds('mvn', '--version')) await installPackage('maven')
const { version, classPath } = await findJars()
const jars = [...classPath.split(':'), ...await curator()].join(':')
const classes = mkdtempSync(join(tmpdir(), 'java-checks-'))
const isApache = process.argv.includes('apache')
const start = isApache ? startApache : startVivarium
const [servers] = await Promise.all([
  start({ servers: 3, extra: ['minSessionTimeout=1000', 'tickTime=500'] }),
  command('javac', ['-nowarn', '-Xlint:none', '-d', classes, '-cp', jars,
    ...['Check', 'Raw', 'Recipes', 'Services'].map((name) => join(SOURCES, `${name}.java`))]),
])
try {
  process.stdout.write(`the Java client ${version} and Curator ${CURATOR} against ${servers.name}\n`)
  process.exitCode = await run(`${classes}:${jars}`, servers)
} finally {
  await servers.stop()
  rmSync(classes, { recursive: true, force: true })
}
