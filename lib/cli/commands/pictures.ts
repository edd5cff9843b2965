import type { Client } from '../../client/client.ts'
import type { Arguments } from '../arguments.ts'
import type { Command, Drawn, Task } from '../command.ts'
import { checkedPath } from '../paths.ts'
import { draw, formatMoment } from '../pictures/drawing.ts'
import { OWN_TIME, leaderTime } from '../pictures/leader-time.ts'
import type { Timepiece } from '../pictures/leader-time.ts'
import { electionsPicture, locksPicture } from '../pictures/lines.ts'
import { membersPicture } from '../pictures/members.ts'
import type { Picture } from '../pictures/picture.ts'
import { servicesPicture } from '../pictures/services.ts'
import { Sight } from '../pictures/sight.ts'
import { UsageError } from '../usage.ts'

const LIMIT = 100_000
/** Changes that come together make one picture. */
const SETTLE_MS = 50

/** What a command found, and how it is told. */
interface Found {
  readonly picture: Picture
  readonly root: string
  readonly sight: Sight
  readonly time: Timepiece
  readonly limit: number
  readonly zk: Client
}

function pictureCommand(picture: Picture, about: string): Command {
  return {
    name: picture.name, usage: '[-w|--watch] [-t] [-n nodes] [path]',
    about: `${about}, at the path or below it, or in the whole tree but for /zookeeper; --watch keeps it up to ` +
      'date; -t: by the clock of the leader, which takes a write, and not by that of this machine; ' +
      `-n: search so many nodes at most (${LIMIT})`,
    options: { 'w': 'flag', '-watch': 'flag', 't': 'flag', 'n': 'value' }, most: 1,
    async run(task, args) {
      const root = args.words.length === 0 ? '/' : checkedPath(args.word(0))
      const limit = limitOf(args)
      const zk = await task.client()
      const time = args.has('t') ? await leaderTime(zk, task.signal) : OWN_TIME
      const sight = new Sight(zk, picture.seek(root), {
        limit, signal: task.signal, onProgress: (text) => task.progress(text),
      })
      const found: Found = { picture, root, sight, time, limit, zk }
      if (args.has('w') || args.has('-watch')) await keep(task, found)
      else await showOnce(task, found)
    },
  }
}

async function showOnce(task: Task, found: Found): Promise<void> {
  await found.sight.look()
  const { value, lines, notes } = drawn(found)
  task.show(value, ...lines)
  if (!task.isJson) for (const line of notes) task.note(line)
}

/** Until Ctrl-C, or until there is no session any more. */
async function keep(task: Task, found: Found): Promise<void> {
  let last = ''
  let timer: NodeJS.Timeout | null = null
  const look = (): void => {
    timer = null
    // What is not told by a change, the passing of time, is no reason to draw it again.
    const { value } = drawn(found, 0)
    const now = JSON.stringify({ ...value, at: 0 })
    if (now !== last) task.redraw(() => drawn(found))
    last = now
  }
  task.shell.mute((path) => found.sight.covers(path))
  try {
    await found.sight.follow(() => {
      timer ??= setTimeout(look, SETTLE_MS)
    })
  } finally {
    task.shell.mute(null)
    if (timer !== null) clearTimeout(timer)
  }
}

function drawn(found: Found, atMs = found.time.now()): Drawn & { readonly value: object } {
  const { picture, root, sight, time, zk } = found
  const groups = picture.groups(sight.all)
  // A clock that is behind must not show what lasts as not begun.
  const nowMs = groups.reduce((ms, { rows }) => rows.reduce((least, { sinceMs }) => Math.max(least, sinceMs), ms), atMs)
  const isLive = zk.state === 'connected'
  const lines = groups.length === 0 ? [`${picture.nothing} ${root === '/' ? 'anywhere' : `at ${root} or below it`}`]
    : draw(groups, nowMs)
  if (!isLive) lines.unshift('there is no connection: this was so when there was one')
  return {
    value: {
      path: root, at: Math.round(nowMs), clock: time.clock, isLive, isWhole: !sight.isBounded && sight.denied === 0,
      [picture.name]: groups.map((group) => group.value(Math.round(nowMs))),
    },
    lines, notes: cautions(found), moment: formatMoment(nowMs),
  }
}

function cautions({ picture, root, sight, time, limit }: Found): string[] {
  const { visited, denied, isBounded } = sight
  const lines = sight.all.length > 0 && time === OWN_TIME
    ? ['moments are of the leader\'s clock, spans go by that of this machine (-t: by the leader\'s)'] : []
  if (picture.caution !== null && sight.all.length > 0) lines.push(picture.caution)
  if (visited + denied + sight.all.length === 0) lines.push(`there is no node ${root}`)
  if (denied > 0) lines.push(`${denied} ${denied === 1 ? 'node' : 'nodes'} may not be read by this session`)
  if (isBounded) lines.push(`not all of it: the search ended after ${limit} nodes (name a path, or more with -n)`)
  return lines
}

function limitOf(args: Arguments): number {
  const limit = args.integer('n') ?? LIMIT
  if (limit < 1) throw new UsageError('-n takes how many nodes to search')
  return limit
}

/** Pictures of what goes on. */
export const pictureCommands: readonly Command[] = [
  pictureCommand(locksPicture, 'who holds a lock or a lease, and who waits for it and for how long'),
  pictureCommand(electionsPicture, 'who leads, and who stands behind'),
  pictureCommand(servicesPicture, 'which services there are, and where (Curator\'s discovery)'),
  pictureCommand(membersPicture, 'who is in a group'),
]
