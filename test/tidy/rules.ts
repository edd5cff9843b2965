import { posix } from 'node:path'
import type { Problem, Source } from './source.ts'

/** A rule over one file. */
export type Rule = (source: Source) => Problem[]

interface Ban {
  readonly pattern: RegExp
  readonly message: string
  /** Matched against the path; every file of the repository when absent. */
  readonly where?: RegExp
  readonly except?: RegExp
  /** The line is fine when this matches it too. */
  readonly unless?: RegExp
  /** Look at the text with its comments and strings instead of the code alone. */
  readonly isText?: boolean
}

const MAX_LINES = 500
const MAX_COLUMNS = 120
const PUBLISHED = /^(lib|transports|storage)\//
const CORE = /^lib\/core\//
const CLI = /^lib\/cli\//
const EMPTY_CATCH = 'no empty catch; say what is done with the failure'

/** Files over the limit, with their size. An entry may only shrink; none may be added. */
const LONG_FILES: Readonly<Record<string, number>> = {}

/** Spelled so that this file does not break its own rule. */
const UNFINISHED = /\b(FIX[M]E|TO[D]O|XX[X])\b/

const BANS: readonly Ban[] = [
  { where: CORE, pattern: /\bDate\b/, message: 'lib/core is pure: no Date; time is an argument' },
  { where: CORE, pattern: /\bMath\.random\b/, message: 'lib/core is pure: no Math.random; use lib/core/random.ts' },
  {
    where: /^lib\/(core|testing)\//,
    pattern: /\bMath\.(log\w*|exp\w*|pow|a?(sin|cos|tan)h?|atan2|cbrt|hypot)\b|\*\*=?\s*[^\s\d]/,
    // A power of two that is no draw.
    unless: /\b2 \*\* [A-Z(]/,
    message: 'a seed is a run on every engine: no function of Math whose last bits are left to the engine',
  },
  { where: CORE, pattern: /\b(async|await|Promise|PromiseLike)\b/, message: 'lib/core is synchronous: no promises' },
  {
    where: CORE,
    pattern: /(?<![.\w])(performance|setTimeout|setInterval|setImmediate|queueMicrotask|process|console|crypto)[.(]/,
    message: 'lib/core is pure: no timers, no globals of a platform',
  },
  { where: PUBLISHED, except: CLI, pattern: /\bconsole\./, message: 'no console in a library; take a Logger' },
  {
    where: PUBLISHED, except: CLI, pattern: /\bprocess\.(exit|on|once|addListener|abort)\b/,
    message: 'a guest does not exit the process and installs no process handlers',
  },
  { where: PUBLISHED, pattern: /^(export\s+)?let\s/, message: 'no mutable state at module level' },
  {
    where: PUBLISHED,
    pattern: /^(export\s+)?const\s[^=]*=\s*(\[\s*\]|new (Map|Set|WeakMap|WeakSet|Uint8Array|Array|DataView)\b)/,
    message: 'no mutable state at module level (type it ReadonlyMap, ReadonlySet or readonly if it never changes)',
    unless: /:\s*(ReadonlyMap|ReadonlySet|readonly |Readonly<)/,
  },
  {
    where: PUBLISHED, pattern: /\.buffer\b/, unless: /byteOffset/,
    message: 'never .buffer without byteOffset: views share buffers',
  },
  { pattern: /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s/, message: 'no enum; a union of literals' },
  { pattern: /^\s*export\s+default\b/, message: 'no default export' },
  {
    pattern: /(:\s*|\bas\s+|<|\|\s*|&\s*|,\s*)any\b(\[\])?\s*([,;)>=|&{\]]|$)/,
    message: 'no any; unknown and a check',
  },
  { pattern: /\.only\(/, message: 'a test left on .only' },
  { pattern: /\bcatch\s*(\([^)]*\))?\s*\{\s*\}/, message: EMPTY_CATCH },
  { pattern: /\.catch\(\s*\(\s*\w*\s*\)\s*=>\s*(\{\s*\}|undefined|null)\s*\)/, message: EMPTY_CATCH },
  { isText: true, pattern: UNFINISHED, message: 'finish it or leave it out' },
  { isText: true, pattern: /@ts-(ignore|nocheck)/, except: /^test\/tidy\//, message: 'no @ts-ignore' },
  { isText: true, pattern: /[\u{1F300}-\u{1FAFF}\u{2600}-\u{27BF}]/u, message: 'no emojis' },
  { isText: true, pattern: /[ \t]+$/, message: 'white space at the end of the line' },
  { isText: true, pattern: /\t/, message: 'a tab; indent by two spaces' },
]

const isWithin = (ban: Ban, path: string): boolean =>
  (ban.where === undefined || ban.where.test(path)) && !(ban.except?.test(path) ?? false)

/** The patterns no line may match. */
export const bans: Rule = (source) => {
  const problems: Problem[] = []
  for (const ban of BANS) {
    if (!isWithin(ban, source.path)) continue
    const lines = ban.isText === true ? source.lines : source.code
    lines.forEach((text, index) => {
      if (ban.pattern.test(text) && !(ban.unless?.test(text) ?? false)) {
        problems.push({ path: source.path, line: index + 1, message: ban.message })
      }
    })
  }
  return problems
}

/** An empty catch over several lines: a comment inside is no handling, but says why there is none. */
export const emptyCatch: Rule = (source) => {
  const problems: Problem[] = []
  source.lines.forEach((text, index) => {
    if (/\bcatch\s*(\([^)]*\))?\s*\{\s*$/.test(text) && /^\s*\}/.test(source.lines[index + 1] ?? '')) {
      problems.push({ path: source.path, line: index + 1, message: EMPTY_CATCH })
    }
  })
  return problems
}

/** Lengths of files and lines. */
export const limits: Rule = (source) => {
  const problems: Problem[] = []
  const count = source.lines.at(-1) === '' ? source.lines.length - 1 : source.lines.length
  const allowed = LONG_FILES[source.path] ?? MAX_LINES
  if (count > allowed) problems.push({ path: source.path, line: 1, message: `${count} lines, at most ${allowed}` })
  if (LONG_FILES[source.path] !== undefined && count < allowed) {
    problems.push({ path: source.path, line: 1, message: `shrunk to ${count} lines: lower its entry in LONG_FILES` })
  }
  source.lines.forEach((text, index) => {
    if (text.length > MAX_COLUMNS) {
      problems.push({ path: source.path, line: index + 1, message: `${text.length} columns, at most ${MAX_COLUMNS}` })
    }
  })
  return problems
}

/** `require()` of the package works only without top-level await; the command and the tests are not required. */
export const topLevelAwait: Rule = (source) => {
  if (!PUBLISHED.test(source.path) || CLI.test(source.path)) return []
  let depth = 0
  const problems: Problem[] = []
  source.code.forEach((text, index) => {
    const await_ = /\bawait\b/.exec(text)
    const before = await_ ? text.slice(0, await_.index) : ''
    const opened = (before.match(/[{(]/g)?.length ?? 0) - (before.match(/[})]/g)?.length ?? 0)
    if (await_ && depth + opened <= 0 && !/\basync\b/.test(before)) {
      problems.push({ path: source.path, line: index + 1, message: 'no top-level await: require() would fail' })
    }
    depth += (text.match(/[{(]/g)?.length ?? 0) - (text.match(/[})]/g)?.length ?? 0)
  })
  return problems
}

const EXPORT = /^export (?:declare )?(?:abstract )?(?:async )?(function\*?|class|const|interface|type)\s+(\w+)/

/** Every exported symbol has a docstring; overloads share the first one's. */
export const docstrings: Rule = (source) => {
  if (!PUBLISHED.test(source.path)) return []
  const problems: Problem[] = []
  const seen = new Set<string>()
  source.lines.forEach((text, index) => {
    const match = EXPORT.exec(text)
    const name = match?.[2]
    if (!match || name === undefined) return
    const key = `${match[1]} ${name}`
    let above = index - 1
    while (above >= 0 && (source.lines[above] ?? '').trim() === '') above -= 1
    const isDocumented = index - above === 1 && /\*\/\s*$/.test(source.lines[above] ?? '')
    if (!isDocumented && !seen.has(key)) {
      problems.push({ path: source.path, line: index + 1, message: `export ${name} has no docstring above it` })
    }
    seen.add(key)
  })
  return problems
}

const LEAF = /^lib\/core\/(errors|limits|assert|zxid)\.ts$/
const MEMORY_ADAPTER = /^(transports|storage)\/memory\.ts$/

interface Room {
  readonly name: string
  readonly from: RegExp
  readonly to: readonly RegExp[]
  /** May be imported as well, but only as types. */
  readonly types?: readonly RegExp[]
}

/** What each room may import; the first whose pattern matches the importer decides. */
const ROOMS: readonly Room[] = [
  { name: 'core', from: CORE, to: [CORE], types: [/^lib\/ports\//] },
  { name: 'ports', from: /^lib\/ports\//, to: [/^lib\/ports\//], types: [CORE] },
  { name: 'wire', from: /^lib\/wire\//, to: [/^lib\/(wire|core)\//] },
  { name: 'client', from: /^lib\/client\//, to: [/^lib\/(client|wire|ports|core)\//] },
  { name: 'peer', from: /^lib\/peer\//, to: [/^lib\/(peer|client|wire|ports|core)\//] },
  { name: 'recipes', from: /^lib\/recipes\//, to: [/^lib\/(recipes|client)\//, LEAF] },
  { name: 'testing', from: /^lib\/testing\//, to: [/^lib\/(testing|peer|client|wire|ports|core)\//, MEMORY_ADAPTER] },
  { name: 'index.ts', from: /^lib\/index\.ts$/, to: [/^lib\/(peer|client|recipes|core|ports)\//, MEMORY_ADAPTER] },
  { name: 'node.ts', from: /^lib\/node\.ts$/, to: [/^lib\/(?!cli\/)/, /^(transports|storage)\//] },
  { name: 'cli', from: CLI, to: [PUBLISHED] },
  { name: 'transports', from: /^transports\//, to: [/^transports\//, /^lib\/ports\//, LEAF], types: [CORE] },
  { name: 'storage', from: /^storage\//, to: [/^storage\//, /^lib\/ports\//, LEAF], types: [CORE] },
]

/** Which published files may import which package. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  ws: /^(transports\/websocket-server\.ts|lib\/node\.ts|lib\/cli\/.*)$/,
  level: /^storage\/level(\/\w+)?\.ts$/,
  croner: /^lib\/recipes\/timetable\.ts$/,
  msgpackr: /^lib\/wire\//,
}
const NODE_FILES =
  /^(transports\/(tcp(\/\w+)?|websocket-server)\.ts|storage\/level(\/\w+)?\.ts|lib\/node\.ts|lib\/cli\/.*)$/

/** The path a relative specifier names. */
export function target(source: Source, specifier: string): string {
  return posix.join(posix.dirname(source.path), specifier)
}

function packageProblem(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) {
    return NODE_FILES.test(path) ? undefined : `${specifier} outside node.ts, cli and the Node adapters`
  }
  const name = specifier.split('/')[0] ?? ''
  const where = PACKAGES[name]
  if (!where) return `the package ${specifier} is no dependency of what is published`
  return where.test(path) ? undefined : `the package ${name} may not be imported here`
}

/** Imports run downward only. */
export const directions: Rule = (source) => {
  const room = ROOMS.find(({ from }) => from.test(source.path))
  if (!PUBLISHED.test(source.path)) return []
  if (!room) return [{ path: source.path, line: 1, message: 'the file is in no known room of lib/' }]
  const problems: Problem[] = []
  for (const { line, specifier, isType } of source.imports) {
    if (!specifier.startsWith('.')) {
      const message = packageProblem(source.path, specifier)
      if (message !== undefined) problems.push({ path: source.path, line, message })
      continue
    }
    const path = target(source, specifier)
    const allowed = isType ? [...room.to, ...(room.types ?? [])] : room.to
    if (!path.endsWith('.ts')) {
      problems.push({ path: source.path, line, message: `import '${specifier}' must end in .ts` })
    } else if (!allowed.some((pattern) => pattern.test(path))) {
      const message = `${room.name} may not import ${path}${isType ? '' : ' as a value'}`
      problems.push({ path: source.path, line, message })
    }
  }
  return problems
}

/** Uvu has no timeouts and swallows failures of hooks: only the harness may touch it. */
export const harnessOnly: Rule = (source) =>
  source.path === 'test/harness.ts' ? [] : source.imports
    .filter(({ specifier }) => /^uvu(\/|$)/.test(specifier))
    .map(({ line }) => ({ path: source.path, line, message: 'import uvu only in test/harness.ts' }))

/** All rules that look at one file. */
export const RULES: readonly Rule[] = [bans, emptyCatch, limits, topLevelAwait, docstrings, directions, harnessOnly]
