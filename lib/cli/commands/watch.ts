import type { WatchItem } from '../../client/watch-items.ts'
import type { WatchKind } from '../../client/watches.ts'
import type { Arguments } from '../arguments.ts'
import type { Command, Task } from '../command.ts'
import { jsonData } from '../format.ts'
import { checkedPath } from '../paths.ts'
import { UsageError } from '../usage.ts'

const MODES = ['PERSISTENT', 'PERSISTENT_RECURSIVE']

const addWatch: Command = {
  name: 'addWatch',
  usage: `[-m mode] path # optional mode is one of [${MODES.join(', ')}] - default is PERSISTENT_RECURSIVE`,
  about: 'be told of every change, until removewatches', options: { m: 'value' }, least: 1,
  async run(task, args) {
    const mode = (args.value('m') ?? 'PERSISTENT_RECURSIVE').toUpperCase()
    if (args.words.length !== 1 || !MODES.includes(mode)) throw new UsageError(`addWatch ${addWatch.usage}`)
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    const watcher = zk.watch(path, {
      recursive: mode === 'PERSISTENT_RECURSIVE',
      onItem: (item) => {
        if (item.type === 'gap') task.complain(`changes at ${path} were missed (${item.reason}): read it again`)
      },
    })
    await watcher.ready()
    task.show({ path, mode })
  },
}

const KINDS: readonly (readonly [letter: string, kind: WatchKind | 'any'])[] = [
  ['c', 'children'], ['d', 'data'], ['p', 'persistent'], ['r', 'recursive'], ['a', 'any'],
]

const removeWatches: Command = {
  name: 'removewatches', usage: 'path [-c|-d|-p|-r|-a] [-l]',
  about: 'forget the watches of a node: of children, data, persistent, recursive or all; -l even if nobody answers',
  options: { c: 'flag', d: 'flag', p: 'flag', r: 'flag', a: 'flag', l: 'flag' }, least: 1,
  async run(task, args) {
    const path = checkedPath(args.word(0))
    const kind = KINDS.find(([letter]) => args.has(letter))?.[1] ?? 'any'
    const zk = await task.client()
    const removed = await zk.removeWatches(path, kind, { local: args.has('l'), signal: task.signal })
    task.show({ path, removed })
    task.shell.printRemoved(removed, path)
  },
}

const printWatches: Command = {
  name: 'printwatches', usage: 'on|off', about: 'whether events are printed', most: 1,
  run(task, args) {
    if (args.words.length > 0) task.shell.printsWatches = args.word(0) === 'on'
    const { printsWatches } = task.shell
    const lines = args.words.length > 0 ? [] : [`printwatches is ${printsWatches ? 'on' : 'off'}`]
    task.show({ printsWatches }, ...lines)
  },
}

const watch: Command = {
  name: 'watch', usage: '[-f] [-R] [-i] [-n count] path',
  about: 'wait for the next change, with -f for all that follow, with -n for so many; -R: at it and below; ' +
    '-i: first what there is',
  options: { f: 'flag', R: 'flag', i: 'flag', n: 'value' }, least: 1,
  async run(task, args) {
    let left = changesWanted(args)
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    const options = { recursive: args.has('R'), initial: args.has('i'), signal: task.signal }
    const isBelow = (at: string): boolean => at === path || (args.has('R') && isWithin(at, path))
    task.shell.mute(isBelow)
    try {
      for await (const item of zk.watch(path, options)) {
        showItem(task, item)
        if (item.type !== 'present' && item.type !== 'gap' && --left <= 0) break
      }
    } finally {
      task.shell.mute(null)
    }
  },
}

function isWithin(path: string, root: string): boolean {
  return path.startsWith(root === '/' ? root : `${root}/`)
}

function changesWanted(args: Arguments): number {
  const count = args.integer('n')
  if (count === undefined) return args.has('f') ? Infinity : 1
  if (count < 1) throw new UsageError('-n takes how many changes to wait for')
  return count
}

function showItem(task: Task, item: WatchItem): void {
  if (item.type === 'present') {
    const { type, path, zxid, node } = item
    const bytes = node.isNull ? null : node.data
    task.show({ type, path, zxid, ...jsonData(bytes) }, `present ${path} ${node.text()}`.trimEnd())
  } else {
    task.show(item, `${item.type} ${item.path}${item.type === 'gap' ? ` (${item.reason})` : ''}`)
  }
}

/** What changes. */
export const watchCommands: readonly Command[] = [addWatch, removeWatches, printWatches, watch]
