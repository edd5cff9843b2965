import { childOf } from '../../core/tree/path.ts'
import type { Command, Task } from '../command.ts'
import { formatList, formatStat } from '../format.ts'
import { checkedPath } from '../paths.ts'
import { visit } from '../visit.ts'
import { UsageError } from '../usage.ts'
import { WATCHED, watches } from './nodes.ts'

const LS_HELP = `usage: ls [options] path
 -?   help
 -R   recurse
 -s   stat
 -w   watch`

const ls: Command = {
  name: 'ls', usage: '[-s] [-w] [-R] path', about: 'its children, with -R all below; -w watches for a change',
  options: { '?': 'flag', 's': 'flag', 'w': 'flag', 'R': 'flag' }, most: 2,
  async run(task, args) {
    if (args.has('?')) {
      task.show({ usage: LS_HELP }, LS_HELP)
      if (args.words.length === 0) return
    }
    const isWatched = watches(task, args, 'ls path [watch]', 'ls [-w] path')
    if (args.words.length === 0) throw new UsageError(`ls ${ls.usage}`)
    const path = checkedPath(args.word(0))
    if (args.has('R')) {
      await listAll(task, path, isWatched)
      return
    }
    const zk = await task.client()
    const read = { ...(isWatched ? WATCHED : {}), signal: task.signal }
    if (!args.has('s')) {
      const names = (await zk.children(path, read)).sort()
      task.show({ path, children: names }, formatList(names))
      return
    }
    const { children, stat } = await zk.childrenWithStat(path, read)
    const names = [...children].sort()
    task.show({ path, children: names, stat }, formatList(names), formatStat(stat))
  },
}

/** In zkCli's order: all children of a node come before what is below the first of them. */
async function listAll(task: Task, root: string, isWatched: boolean): Promise<void> {
  const zk = await task.client()
  const read = { ...(isWatched ? WATCHED : {}), signal: task.signal }
  await zk.get(root, read)
  task.show({ path: root }, root)
  let nodes = 1
  for await (const { path, names } of visit(zk, root, read)) {
    for (const name of names) task.show({ path: childOf(path, name) }, childOf(path, name))
    nodes += names.length
    task.progress(`${nodes} nodes`)
  }
}

const count: Command = {
  name: 'getAllChildrenNumber', usage: 'path', about: 'how many nodes are below it, at every depth', least: 1,
  async run(task, args) {
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    const total = await zk.countChildren(path, { signal: task.signal })
    task.show({ path, total }, `${total}`)
  },
}

const ephemerals: Command = {
  name: 'getEphemerals', usage: '[path]', about: 'the ephemeral nodes of this session, with this prefix', most: 1,
  async run(task, args) {
    const prefix = args.words.length === 0 ? '/' : checkedPath(args.word(0))
    const zk = await task.client()
    const paths = await zk.ephemerals(prefix, { signal: task.signal })
    task.show({ paths }, formatList(paths))
  },
}

/** What there is. */
export const listCommands: readonly Command[] = [ls, count, ephemerals]
