import { isZkError } from '../../core/errors.ts'
import type { Acl } from '../../core/tree/request.ts'
import type { Stat } from '../../core/tree/stat.ts'
import { formatPerms, parseAcl } from '../acl.ts'
import type { Command, Task } from '../command.ts'
import { explain } from '../explain.ts'
import { formatStat } from '../format.ts'
import { checkedPath } from '../paths.ts'
import { UsageError } from '../usage.ts'
import { visit } from '../visit.ts'

const getAcl: Command = {
  name: 'getAcl', usage: '[-s] path', about: 'who may do what with it', options: { s: 'flag' }, least: 1,
  async run(task, args) {
    const path = checkedPath(args.word(0))
    const zk = await task.client()
    const { acl, stat } = await zk.getAcl(path, { signal: task.signal })
    const lines = acl.map(({ scheme, id, perms }) => `'${scheme},'${id}\n: ${formatPerms(perms)}`)
    const entries = acl.map(({ scheme, id, perms }) => ({ scheme, id, perms: formatPerms(perms) }))
    if (args.has('s')) task.show({ path, acl: entries, stat }, ...lines, formatStat(stat))
    else task.show({ path, acl: entries }, ...lines)
  },
}

const setAcl: Command = {
  name: 'setAcl', usage: '[-s] [-v version] [-R] path acl',
  about: 'say who may do what, with -R with all below too: scheme:id:cdrwa,...',
  options: { s: 'flag', v: 'value', R: 'flag' }, least: 2,
  async run(task, args) {
    const version = args.integer('v')
    const acl = parseAcl(args.word(1), task.complain)
    const path = checkedPath(args.word(0))
    const options = { ...(version === undefined ? {} : { version }), signal: task.signal }
    const zk = await task.client()
    const change = (at: string): Promise<Stat> => zk.setAcl(at, acl, options)
    if (args.has('R')) {
      await setAll(task, path, acl, change)
      return
    }
    const stat = await change(path)
    task.show({ path, stat }, ...(args.has('s') ? [formatStat(stat)] : []))
  },
}

/** Goes on after a node that refuses, and fails in the end. */
async function setAll(
  task: Task, root: string, acl: readonly Acl[], change: (path: string) => Promise<Stat>,
): Promise<void> {
  const zk = await task.client()
  await zk.get(root, { signal: task.signal })
  let nodes = 0
  let failures = 0
  for await (const { path } of visit(zk, root, { signal: task.signal })) {
    try {
      await change(path)
      nodes += 1
    } catch (error) {
      if (!isZkError(error) || isZkError(error, 'Aborted')) throw error
      failures += 1
      task.complain(explain(error))
    }
    task.progress(`${nodes} nodes`)
  }
  task.show({ path: root, nodes, failures, entries: acl.length })
  if (failures > 0) throw new UsageError(`the list of ${failures} ${failures === 1 ? 'node' : 'nodes'} is as it was`)
}

const addAuth: Command = {
  name: 'addauth', usage: 'scheme auth', about: 'add an identity to this session: digest user:password', least: 1,
  most: 2,
  async run(task, args) {
    const scheme = args.word(0)
    const zk = await task.client()
    await zk.addAuth(scheme, args.words[1] ?? '', { signal: task.signal })
    task.show({ scheme })
  },
}

const whoAmI: Command = {
  name: 'whoami', usage: '', about: 'the identities of this session',
  async run(task) {
    const zk = await task.client()
    const identities = await zk.whoAmI({ signal: task.signal })
    task.show({ identities }, 'Auth scheme: User', ...identities.map(({ scheme, id }) => `${scheme}: ${id}`))
  },
}

/** Who may do what. */
export const aclCommands: readonly Command[] = [getAcl, setAcl, addAuth, whoAmI]
