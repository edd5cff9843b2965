/** Members of kazoo's parties and of this package's groups in one folder. */
import { strict as assert } from 'node:assert'
import { join, watchMembers } from '../../../lib/recipes/index.ts'
import type { MembersView } from '../../../lib/recipes/index.ts'
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

/** By name. */
export const MEETINGS: Readonly<Record<string, Meeting>> = {
  'members of a party and of a group see who comes, who leaves and who dies': seeEachOther,
  'a shallow party and a group share a folder': shareShallow,
}
