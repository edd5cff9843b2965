/** Members of kazoo's parties, of Curator's groups and of this package's in one folder. */
import { strict as assert } from 'node:assert'
import { join, watchMembers } from '../../../lib/recipes/index.ts'
import type { MembersView } from '../../../lib/recipes/index.ts'
import { CuratorProgram } from './curator-program.ts'
import type { Meeting } from './meeting.ts'
import type { Scene } from './scene.ts'

const OTHER = '../kazoo/other.py'

/** Resolves when so many are there; goes by what the view tells. */
function untilSize(view: MembersView, size: number): Promise<void> {
  return new Promise((resolve) => {
    const offs: (() => void)[] = []
    const look = (): void => {
      if (view.size !== size) return
      for (const off of offs) off()
      resolve()
    }
    offs.push(view.on('joined', look), view.on('left', look))
    look()
  })
}

async function seeEachOther(scene: Scene): Promise<void> {
  const [zk, observer, other, dies] = [
    await scene.connect(), await scene.connect(), scene.script(OTHER, '6'), scene.script(OTHER, '1.5'),
  ]
  for (const script of [other, dies]) assert.equal(await script.says(), 'started')
  other.tell('party', '/party')
  assert.equal(await other.says(), 'joined')
  const member = await join(zk, '/party', 'mine')
  assert.deepEqual(member.members.map(({ node }) => node.text()), ['other', 'mine'])
  const view = await watchMembers(observer, '/party')
  dies.tell('party', '/party')
  assert.equal(await dies.says(), 'joined')
  await untilSize(view, 3)
  other.tell('attendants', '/party', 'Party')
  assert.equal(await other.says(), 'mine,other,other')
  await dies.kill()
  await untilSize(view, 2)
  other.tell('leave', '/party')
  assert.equal(await other.says(), 'left')
  await member.caughtUp()
  assert.deepEqual(member.members.map(({ node }) => node.text()), ['mine'])
  await member.set('changed')
  other.tell('attendants', '/party', 'Party')
  assert.equal(await other.says(), 'changed')
  await member.close()
  other.tell('attendants', '/party', 'Party')
  assert.equal(await other.says(), '')
}

async function shareShallow(scene: Scene): Promise<void> {
  const [zk, other] = [await scene.connect(), scene.script(OTHER, '6')]
  assert.equal(await other.says(), 'started')
  other.tell('shallow', '/shallow')
  assert.equal(await other.says(), 'joined')
  const member = await join(zk, '/shallow', 'x', { id: 'id-mine' })
  const [theirs] = member.members
  assert.match(theirs?.id ?? '', /^[0-9a-f]{32}-other$/)
  other.tell('attendants', '/shallow', 'ShallowParty')
  assert.equal(await other.says(), 'mine,other')
  await member.close()
}

const groups = new CuratorProgram('Group')

async function groupWithCurator(scene: Scene): Promise<void> {
  const zk = await scene.connect()
  const member = await join(zk, '/group', 'ours', { id: 'a' })
  const other = scene.keep(await groups.start(scene.hosts, '/group', 'b', 'theirs'))
  assert.equal(await other.says(), 'started')
  await untilSize(member, 2)
  assert.equal(member.get('b')?.node.text(), 'theirs')
  other.tell('members', '2')
  assert.equal(await other.says(), 'a=ours,b=theirs')
  const changed = new Promise<string>((resolve) => member.on('changed', ({ id, node }) => {
    if (id === 'b') resolve(node.text())
  }))
  other.tell('set', 'other')
  assert.equal(await other.says(), 'set')
  assert.equal(await changed, 'other')
  const own = await join(zk, '/group', 'unnamed')
  other.tell('members', '3')
  const three = new Map([[own.id, 'unnamed'], ['a', 'ours'], ['b', 'other']])
  assert.equal(await other.says(), [...three.keys()].sort().map((id) => `${id}=${three.get(id)}`).join())
  await Promise.all([own.close(), member.close()])
  other.tell('members', '1')
  assert.equal(await other.says(), 'b=other')
  const view = await watchMembers(zk, '/group')
  other.tell('leave')
  assert.equal(await other.says(), 'left')
  await untilSize(view, 0)
}

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'members of a party and of a group see who comes, who leaves and who dies': seeEachOther,
  'members of a group of Curator and of one of ours see each other': groupWithCurator,
  'a shallow party and a group share a folder': shareShallow,
}
