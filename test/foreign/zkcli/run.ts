/**
 * Runs the shell of Apache ZooKeeper, `zkCli.sh` as Debian packages it and the main class of its newest release, on an
 * ensemble of Apache ZooKeeper and on one of ours, and compares all that it prints; then the newest on Apache ZooKeeper
 * with `vivarium cli` on ours:
 *   node --import tsx test/foreign/zkcli/run.ts
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findJars } from '../apache-jars.ts'
import { startApache } from '../apache.ts'
import { installPackage } from '../command.ts'
import { Dialogue } from '../dialogue.ts'
import type { Servers } from '../servers.ts'
import { compareTranscripts, sortList } from '../transcripts.ts'
import type { Exchange, MeantDifference } from '../transcripts.ts'
import { COMMAND, startVivarium } from '../vivarium.ts'
import { ONE_SHOTS, SCRIPT } from './script.ts'

/** One version of the shell. */
interface Shell {
  readonly name: string
  readonly command: readonly [program: string, ...args: string[]]
}

const DEBIAN_SCRIPT = '/usr/share/zookeeper/bin/zkCli.sh'
const MAIN = 'org.apache.zookeeper.ZooKeeperMain'
/** Of the libraries that the shell is made of. */
const NOISE = /^(SLF4J|JLine|\w{3} \d+, \d{4} .* org\.jline|WARNING: Unable to create a system terminal|\s+at |$)/
/** The names of Java's exceptions before what they say. */
const EXCEPTION = /^org\.apache\.[\w.]+Exception: /
const PROMPT = /\[zk: [^\]]*\] /g
/** What `vivarium cli` prints in another way than zkCli. */
const OWN_WAY: readonly MeantDifference[] = [{
  reason: 'it has a name and a version of its own',
  applies: (command) => command === '(welcome)' || command === 'version',
}, {
  reason: 'help is a command',
  applies: (command, apache, ours) => command.startsWith('help') && isUnknown(apache) && !isUnknown(ours),
}, {
  reason: 'an unknown command is answered with all there are, of which it has more',
  applies: (_, apache, ours) => isUnknown(apache) && isUnknown(ours) && isWithin(apache, ours),
}, {
  reason: 'what must be known of a command is one line',
  applies: (command, apache, ours) =>
    apache[0]?.startsWith(`${command.split(' ')[0]} `) === true && ours.join('\n') === apache[0] &&
    apache.slice(1).every((line) => line.startsWith(' -')),
}, {
  reason: 'a member that tells nobody where clients connect is left out',
  applies: (command, apache, ours) => command === 'config -c' && apache.join().replace(/,+$/, '') === ours.join(),
}, {
  reason: 'what is wrong is said once',
  applies: (_, apache, ours) =>
    apache[0]?.startsWith('KeeperErrorCode = ') === true && apache.slice(1).join() === ours.join(),
}]

const isUnknown = (lines: readonly string[]): boolean => lines.some((line) => line.startsWith('Command not found: '))

/** Every command that is listed there is here too, and the exit code is the same. */
function isWithin(apache: readonly string[], ours: readonly string[]): boolean {
  const names = (lines: readonly string[]): string[] =>
    lines.filter((line) => line.startsWith('\t')).map((line) => line.trim().split(' ')[0] ?? '')
  const [theirs, own] = [names(apache), new Set(names(ours))]
  const code = (lines: readonly string[]): string | undefined => lines.find((line) => line.startsWith('exit code'))
  return theirs.length > 0 && theirs.every((name) => own.has(name)) && code(apache) === code(ours)
}

async function shells(): Promise<Shell[]> {
  if (!existsSync(DEBIAN_SCRIPT)) await installPackage('zookeeper')
  const { version, classPath } = await findJars()
  const flags = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classPath, MAIN]
  return [
    { name: "Debian's zkCli.sh", command: [DEBIAN_SCRIPT] }, { name: `zkCli ${version}`, command: ['java', ...flags] },
  ]
}

/** What differs from run to run, or from the one ensemble to the other, without meaning anything. */
function normalise(text: string, servers: Servers): string[] {
  const lines = text.replaceAll(PROMPT, '').split('\n').filter((line) => !NOISE.test(line))
  const isWhoAmI = lines.some((line) => line.startsWith('Auth scheme'))
  const normal = lines.map((line) => {
    let plain = line
    for (const host of servers.hosts) plain = plain.replaceAll(host, 'HOST')
    return sortList(plain).replace(/0x[0-9a-f]+/g, 'HEX').replace(/^(.?time = ).*/, '$1DATE')
      .replace(/zxid: -?\d+/, 'zxid: N')
      .replace(EXCEPTION, '').replace(/^(server\.\d+=)[^:]*:\d+:\d+/, '$1HOST')
  })
  return isWhoAmI ? normal.toSorted() : normal
}

const isEvent = (line: string): boolean => /^WATCHER::$|^WatchedEvent /.test(line)

/**
 * Events are printed by a thread of their own: they are compared for themselves. The last one, of the end of the
 * session, comes or does not: the process may end before that thread.
 */
function split(exchanges: readonly Exchange[]): Exchange[] {
  const events = exchanges.flatMap(({ lines }) =>
    lines.filter((line) => line.startsWith('WatchedEvent ') && !line.includes(' state:Closed ')))
  return [
    ...exchanges.map(({ command, lines }) => ({ command, lines: lines.filter((line) => !isEvent(line)) })),
    { command: 'all events', lines: events },
  ]
}

async function everything(shell: Shell, servers: Servers): Promise<Exchange[]> {
  return [...await play(shell, servers), ...await onceEach(shell, servers)]
}

async function play(shell: Shell, servers: Servers): Promise<Exchange[]> {
  const [program, ...args] = shell.command
  const dialogue = new Dialogue(program, [...args, '-server', servers.hosts.join(','), '-timeout', '20000'], (count) =>
    ({ line: `delete /mark-${count}`, sign: `Node does not exist: /mark-${count}\n` }))
  try {
    const exchanges: Exchange[] = []
    exchanges.push({ command: '(welcome)', lines: normalise(await dialogue.until('SyncConnected'), servers) })
    for (const command of SCRIPT) exchanges.push({ command, lines: normalise(await dialogue.ask(command), servers) })
    const { text, code } = await dialogue.end('quit')
    exchanges.push({ command: 'quit', lines: [...normalise(text, servers), `exit code ${code}`] })
    return split(exchanges)
  } finally {
    dialogue.kill()
  }
}

/** Runs one command and resolves to what is printed and the exit code. */
function once(shell: Shell, servers: Servers, words: readonly string[]): Promise<Exchange> {
  const [program, ...args] = shell.command
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, '-server', `${servers.hosts.join(',')}/`, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let text = ''
    const hear = (chunk: Buffer): void => { text += chunk.toString() }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('error', reject)
    child.once('close', (code) => {
      const lines = normalise(text, servers).filter((line) => !isEvent(line))
      resolve({ command: words.join(' '), lines: [...lines.toSorted(), `exit code ${code}`] })
    })
  })
}

async function onceEach(shell: Shell, servers: Servers): Promise<Exchange[]> {
  const exchanges: Exchange[] = []
  for (const words of ONE_SHOTS) exchanges.push(await once(shell, servers, words))
  return exchanges
}

const total = { passed: 0, failed: 0 }

/** Both ensembles have the same history, so what differs is said by the one shell or the other. */
async function compare(shells: readonly [Shell, Shell], meant: readonly MeantDifference[]): Promise<void> {
  const [apache, ours] = await Promise.all([everything(shells[0], started[0]), everything(shells[1], started[1])])
  const { passed, failed } = compareTranscripts(apache, ours, meant)
  total.passed += passed
  total.failed += failed
  process.stdout.write(`${shells[1].name}: ${passed} commands equal, ${failed} not\n`)
  await Promise.all(started.map((servers, i) => once(shells[i]!, servers, ['deleteall', '/nodata'])))
}

const found = await shells()
const own: Shell = { name: 'vivarium cli', command: [process.execPath, COMMAND, 'cli'] }
const started = await Promise.all([startApache({ servers: 3 }), startVivarium({ servers: 3 })])
try {
  for (const shell of found) await compare([shell, shell], [])
  await compare([found.at(-1)!, own], OWN_WAY)
} finally {
  await Promise.all(started.map((servers) => servers.stop()))
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`)
process.exitCode = total.failed === 0 ? 0 : 1
