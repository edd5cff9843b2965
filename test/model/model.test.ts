/** A slice of bounded model checking, and that it sees the known bugs of the phases it searches. */
import { assert, suite } from '../harness.ts'
import type { Action } from './actions.ts'
import { exposedCore } from './bundle.ts'
import { KNOWN_BUGS, searchFor } from './known-bugs.ts'
import { searchParallel } from './parallel.ts'
import { Search } from './search.ts'
import type { Subject } from './shard.ts'

const test = suite('model')
const core = await exposedCore()

const SLICE = { size: 3, mutant: undefined, isFull: false } as const
const SMALL = { txns: 1, crashes: 0, losses: 0, timeouts: 0, epochs: 8 } as const
const ALL = { states: 1_000_000, depth: 1_000, ms: 100_000 } as const

test('one txn, from the end of an election: every order of deliveries and writes', () => {
  const search = new Search(core, { ...SLICE, bounds: SMALL, established: false })
  const result = search.run(ALL)
  assert.is(result.violation, null)
  assert.is(result.frontier, 0, 'complete')
  assert.ok(result.states > 1_500, `${result.states} states`)
}, { timeoutMs: 120_000 })

test('one txn, one crash, one lost link: the first ten thousand states', () => {
  const bounds = { txns: 1, crashes: 1, losses: 1, timeouts: 0, epochs: 8 }
  const result = new Search(core, { ...SLICE, bounds, established: true }).run({ ...ALL, states: 10_000 })
  assert.is(result.violation, null)
  assert.ok(result.states >= 10_000)
}, { timeoutMs: 120_000 })

test('two txns, two crashes, two lost links: random walks', () => {
  const bounds = { txns: 2, crashes: 2, losses: 2, timeouts: 1, epochs: 8 }
  const search = new Search(core, { ...SLICE, bounds, established: false })
  const result = search.walk({ ...ALL, states: 5_000, depth: 300 }, 1)
  assert.is(result.violation, null)
  assert.ok(result.states >= 5_000)
}, { timeoutMs: 120_000 })

const PATH_KINDS = {
  c: 'crash', r: 'restart', d: 'deliver', p: 'persist', o: 'connect', l: 'lose', w: 'write',
} as const

/** Actions by the first letter of what happens (o: connect), the peer and the other one. */
function pathOf(text: string): Action[] {
  return text.split(' ').map((word) => ({
    kind: PATH_KINDS[word[0] as keyof typeof PATH_KINDS], peer: Number(word[1]) - 1, other: Number(word.at(-1)) - 1,
  }))
}

test('a leader with a slow disk is established after a later epoch has delivered a txn', () => {
  const bounds = { txns: 1, crashes: 1, losses: 1, timeouts: 0, epochs: 8 }
  const { shard } = new Search(core, { ...SLICE, bounds, established: true })
  // Peer 1 acks the epoch of 2 and, cut off, leads the next with 3; then the mark of 2 comes to its disk.
  const path = pathOf('c2 d12 r2 o21 d21 p2 d12 p1 d21 d12 d12 p1 d21 d32 l12 d13 p1 d31 p3 d13 d31 d31 p1 p3 ' +
    'd13 d31 w1 d31 p3 d13 p1 p2')
  let world = shard.ensemble.begin(3, true)
  for (const action of path) world = shard.ensemble.after(world, action)
  const [first, second] = [0, 1].map((peer) => shard.machines.local(world.node(peer)))
  assert.equal([first?.leads, first?.active, first?.applied], [4, true, 2])
  assert.equal([second?.leads, second?.active, second?.applied], [3, true, 1])
})

/** What the ensemble may come to rest in, and in how many states. */
function quietOf(isFull: boolean, subject: Pick<Subject, 'bounds' | 'established'>): [string[], number] {
  const search = new Search(core, { ...SLICE, ...subject, isFull })
  search.shard.quiet = new Set()
  const { violation, frontier, states } = search.run(ALL)
  assert.is(violation, null)
  assert.is(frontier, 0, 'complete')
  return [[...search.shard.quiet].sort(), states]
}

test('with what cannot matter left out, the ensemble comes to rest in the same states', () => {
  const subjects = [
    { bounds: SMALL, established: false }, { bounds: { ...SMALL, txns: 2 }, established: true },
    { bounds: { ...SMALL, losses: 1 }, established: true },
  ]
  for (const subject of subjects) {
    const [full, fullStates] = quietOf(true, subject)
    const [reduced, states] = quietOf(false, subject)
    assert.equal(reduced, full)
    assert.ok(states <= fullStates, `${states} of ${fullStates}`)
  }
}, { timeoutMs: 120_000 })

test('two threads find what one finds', async () => {
  const subject = { ...SLICE, bounds: SMALL, established: false }
  const one = new Search(core, subject).run(ALL)
  const two = await searchParallel(subject, ALL, 2)
  assert.equal([two.states, two.transitions, two.depth, two.frontier],
    [one.states, one.transitions, one.depth, one.frontier])
  const known = { ...subject, mutant: 'epochAtUpToDate' }
  const [first, second] = [new Search(core, known).run(ALL).violation, (await searchParallel(known, ALL, 2)).violation]
  assert.is(second?.depth, first?.depth)
  assert.is(second?.trace.at(-1), `      Violation: ${second?.message}`)
}, { timeoutMs: 120_000 })

test('a replica put back is the one that its inputs make', () => {
  const bounds = { txns: 1, crashes: 1, losses: 1, timeouts: 1, epochs: 8 }
  const search = new Search(core, { ...SLICE, bounds, established: false })
  search.run({ ...ALL, states: 3_000 })
  const { machines } = search.shard
  assert.ok(machines.states > 300)
  for (let state = 0; state < machines.states; state++) {
    const [atHand, replayed] = machines.prints(state)
    assert.is(atHand, replayed)
  }
}, { timeoutMs: 120_000 })

for (const [mutant, bug] of Object.entries(KNOWN_BUGS)) {
  const how = bug.isDeep ? 'by random walks' : 'breadth first, as early as without leaving anything out'
  test(`${mutant} is found ${how}`, () => {
    const { violation } = searchFor(core, mutant, bug)
    assert.ok(violation !== null, 'nothing was seen')
    assert.ok(bug.seenBy.includes(violation.check), violation.message)
    if (bug.isDeep) return
    assert.is(searchFor(core, mutant, bug, true).violation?.depth, violation.depth)
  }, { timeoutMs: 120_000 })
}

test.run()
