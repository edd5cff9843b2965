/** A slice of bounded model checking, and that it sees the known bugs of the phases it searches. */
import { assert, suite } from '../harness.ts'
import { makeRandom } from '../../lib/core/random.ts'
import { textOf } from './actions.ts'
import type { Action } from './actions.ts'
import { exposedCore } from './bundle.ts'
import { KNOWN_BUGS, searchFor } from './known-bugs.ts'
import { searchParallel } from './parallel.ts'
import { Search, anyOf } from './search.ts'
import type { Subject } from './shard.ts'
import { SPENT } from './world.ts'
import type { World } from './world.ts'

const test = suite('model')
const core = await exposedCore()

const SLICE = { size: 3, mutant: undefined, isFull: false, elections: false } as const
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
function quietOf(
  isFull: boolean, subject: Pick<Subject, 'bounds' | 'established'> & Partial<Subject>,
): [string[], number] {
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

/** The same for states that are one but for the names of their epochs, and for what is spent. */
function nameOf(search: Search, world: World): string {
  const { low, high } = search.shard.hashed(world)
  return `${low} ${high}`
}

/** What may happen in a state and what it leads to, up to the names of epochs. */
function successorsOf(search: Search, world: World): string[] {
  const { ensemble } = search.shard
  return ensemble.actions(world).map((action) =>
    `${textOf(action)}: ${nameOf(search, ensemble.after(world, action))}`)
}

test('states that are one but for the names of their epochs go on as one', () => {
  const bounds = { txns: 2, crashes: 2, losses: 2, timeouts: 1, epochs: 20 }
  const search = new Search(core, { ...SLICE, bounds, established: true })
  const { ensemble, machines } = search.shard
  const random = makeRandom(1)
  const first = ensemble.begin(3, true)
  /** By what is the same of them: the first state, and in how many others epochs had other names. */
  const known = new Map<string, { readonly world: World, readonly others: Set<string> }>()
  const epochOfAll = (world: World): number =>
    Math.max(...[0, 1, 2].map((peer) => machines.disks.at(world.disk(peer)).meta!.acceptedEpoch))
  let renamed = 0
  for (let walk = 0; walk < 400; walk++) {
    for (let world = first, length = 0; length < 300; length++) {
      const name = `${nameOf(search, world)} ${world.cells.slice(0, SPENT.length).join(' ')}`
      const one = known.get(name)
      if (one === undefined) {
        known.set(name, { world, others: new Set() })
      } else if (epochOfAll(one.world) !== epochOfAll(world) && !one.others.has(world.cells.join(' '))) {
        one.others.add(world.cells.join(' '))
        renamed++
        assert.equal(successorsOf(search, world), successorsOf(search, one.world))
      }
      const action = anyOf(ensemble.actions(world), random)
      if (action === null) break
      world = ensemble.after(world, action)
    }
  }
  assert.ok(renamed > 100, `${renamed} states with other names`)
}, { timeoutMs: 120_000 })

const ELECTED = { ...SLICE, elections: true, established: false } as const

test('with elections: 14 steps of the first, and of what follows', () => {
  const search = new Search(core, { ...ELECTED, bounds: { ...SMALL, txns: 0 } })
  const result = search.run({ ...ALL, depth: 14 })
  assert.is(result.violation, null)
  assert.ok(result.states > 30_000, `${result.states} states`)
}, { timeoutMs: 120_000 })

test('with elections: two txns, a crash, a lost link and a timeout, random walks', () => {
  const bounds = { txns: 2, crashes: 1, losses: 1, timeouts: 1, epochs: 8 }
  const result = new Search(core, { ...ELECTED, bounds }).walk({ ...ALL, states: 8_000, depth: 300 }, 1)
  assert.is(result.violation, null)
  assert.ok(result.states >= 8_000)
}, { timeoutMs: 120_000 })

test('with elections, two voters come to rest in the same states, whatever is left out', () => {
  const bounds = { ...SMALL, txns: 1, crashes: 1 }
  const [full, fullStates] = quietOf(true, { bounds, established: false, elections: true, size: 2 })
  const [reduced, states] = quietOf(false, { bounds, established: false, elections: true, size: 2 })
  assert.ok(full.length > 0)
  assert.equal(reduced, full)
  assert.ok(states < fullStates, `${states} of ${fullStates}`)
})

test('a peer whose step the others wait for comes to the same before them and after them', () => {
  const search = new Search(core, { ...ELECTED, bounds: { txns: 1, crashes: 1, losses: 0, timeouts: 0, epochs: 8 } })
  const { ensemble } = search.shard
  const random = makeRandom(3)
  const first = ensemble.begin(3, false)
  let pairs = 0
  for (let walk = 0; walk < 60; walk++) {
    for (let world = first, length = 0; length < 120; length++) {
      const apart = ensemble.apart(world)
      const its = apart < 0 ? [] : ensemble.ofPeer(world, apart)
      for (const other of apart < 0 ? [] : ensemble.all(world)) {
        if (other.peer === apart) continue
        const behind = ensemble.after(world, other)
        assert.equal(ensemble.ofPeer(behind, apart), its, `after ${textOf(other)}`)
        for (const one of its) {
          pairs++
          const before = ensemble.after(ensemble.after(world, one), other)
          assert.is(nameOf(search, ensemble.after(behind, one)), nameOf(search, before))
        }
      }
      const action = anyOf(ensemble.all(world), random)
      if (action === null) break
      world = ensemble.after(world, action)
    }
  }
  assert.ok(pairs > 1_000, `${pairs} pairs`)
}, { timeoutMs: 120_000 })

test('with elections, known bugs of what follows are found', () => {
  const bounds = { txns: 1, crashes: 1, losses: 1, timeouts: 0, epochs: 8 }
  const found = (mutant: string): string | undefined =>
    new Search(core, { ...ELECTED, bounds, mutant }).walk({ ...ALL, states: 20_000, depth: 300 }, 7).violation?.check
  assert.equal(['ackNewLeaderEarly', 'proposeEpochUnsynced', 'epochBeforeHistory', 'voteFromTree'].map(found),
    ['D2', 'D2', 'P15', 'A2'])
}, { timeoutMs: 120_000 })

test('who waits for a voter that left before it answered gives up in its time, as others do in theirs', () => {
  for (const elections of [false, true]) {
    const bounds = { ...SMALL, crashes: 1, losses: 1 }
    const result = new Search(core, { ...SLICE, size: 2, elections, bounds, established: false }).run(ALL)
    assert.is(result.violation, null)
    assert.is(result.frontier, 0, 'complete')
  }
}, { timeoutMs: 120_000 })

test('epochs come to an end by themselves', () => {
  const bounds = { ...SMALL, losses: 1, epochs: 20 }
  const search = new Search(core, { ...SLICE, bounds, established: true })
  const { violation, frontier, late } = search.run(ALL)
  assert.is(violation, null)
  assert.is(frontier, 0, 'complete')
  assert.is(late, 0, 'nothing beyond the last epoch')
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
  const isCompared = !bug.isDeep && bug.isWide !== true
  const how = bug.isDeep ? 'by random walks' : 'breadth first'
  test(`${mutant} is found ${how}${isCompared ? ', as early as without leaving anything out' : ''}`, () => {
    const { violation } = searchFor(core, mutant, bug)
    assert.ok(violation !== null, 'nothing was seen')
    assert.ok(bug.seenBy.includes(violation.check), violation.message)
    if (isCompared) assert.is(searchFor(core, mutant, bug, true).violation?.depth, violation.depth)
  }, { timeoutMs: 120_000 })
}

test.run()
