/** C1 and C5 without zxids: what clients are told of versions and values contradicts itself, and is seen. */
import { assert, suite } from '../harness.ts'
import { Mode, OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { CreateRequest, MultiRequest, Outcome, SetDataRequest } from '../../lib/core/tree/request.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { Stat } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { Sight, Versions } from '../../lib/testing/sim/versions.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'

const test = suite('sim: versions')

const z = (zxid: number): Zxid => zxid as Zxid
const bytes = (value: number): Uint8Array => new Uint8Array([1, value, 0, 0])

function stat(version: number, czxid = 10): Stat {
  return {
    czxid: z(czxid), mzxid: z(czxid), pzxid: z(czxid), ctime: 0, mtime: 0, version, cversion: 0, aversion: 0,
    ephemeralOwner: NO_SESSION, dataLength: 4, numChildren: 0,
  }
}

/** Clients of one node, `/n`, which was made at 10. */
class Told {
  readonly versions = new Versions()
  readonly sights: Readonly<Record<'a' | 'b', Sight>> = { a: new Sight(), b: new Sight() }

  send(writer: string, value: number): { readonly request: SetDataRequest, readonly at: number } {
    const request: SetDataRequest = { op: 5, path: '/n', data: bytes(value), version: -1 }
    this.versions.sent(writer, request)
    return { request, at: this.versions.clock }
  }

  answer(who: 'a' | 'b', writer: string, { request, at }: ReturnType<Told['send']>, version: number): void {
    const outcome: Outcome = { code: 'Ok', result: { op: 5, stat: stat(version) } }
    this.versions.wrote(writer, request, outcome, z(10 + version), at, this.sights[who])
  }

  set(who: 'a' | 'b', writer: string, value: number, version: number): void {
    this.answer(who, writer, this.send(writer, value), version)
  }

  get(who: 'a' | 'b', value: number, version: number, czxid = 10): void {
    const outcome: Outcome = { code: 'Ok', result: { op: 4, data: bytes(value), stat: stat(version, czxid) } }
    this.versions.read({ op: 4, path: '/n', watch: false }, outcome, this.sights[who])
  }

  exists(who: 'a' | 'b', version: number): void {
    const outcome: Outcome = { code: 'Ok', result: { op: 3, stat: stat(version) } }
    this.versions.read({ op: 3, path: '/n', watch: false }, outcome, this.sights[who])
  }
}

function isSeen(what: RegExp, run: (told: Told) => void, check = 'C1'): void {
  const told = new Told()
  try {
    run(told)
    told.versions.check()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    assert.is(error.check, check)
    assert.match(error.message, what)
    return
  }
  assert.unreachable('nothing was seen')
}

test('what holds: overlapping writes in any order, lagging readers, a write that was never answered', () => {
  const told = new Told()
  const { versions } = told
  const create: CreateRequest = { op: 1, path: '/n', data: bytes(0), acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1 }
  versions.sent('a/1', create)
  versions.wrote('a/1', create, { code: 'Ok', result: { op: 1, path: '/n' } }, z(10), 0, told.sights.a)
  const [one, other] = [told.send('a/2', 1), told.send('b/1', 2)]
  told.answer('b', 'b/1', other, 1)
  told.answer('a', 'a/2', one, 2)
  told.get('b', 1, 2)
  const lost = told.send('b/2', 3)
  assert.is(lost.at, 4)
  told.set('a', 'a/3', 4, 4)
  told.exists('b', 4)
  versions.check()
})

test('two clients are told that they wrote the same version', () => {
  isSeen(/version 1 of \/n was written by a\/1 and by b\/1/, (told) => {
    const [one, other] = [told.send('a/1', 1), told.send('b/1', 2)]
    told.answer('a', 'a/1', one, 1)
    told.answer('b', 'b/1', other, 1)
  })
})

test('a version has two values', () => {
  isSeen(/was written by/, (told) => {
    told.send('b/1', 2)
    told.set('a', 'a/1', 1, 1)
    told.get('b', 2, 1)
  })
  isSeen(/two values/, (told) => {
    const request: MultiRequest = {
      op: 14, ops: [1, 2].map((value) => ({ op: 5, path: '/n', data: bytes(value), version: -1 })),
    }
    told.versions.sent('a/1', request)
    told.get('a', 1, 1)
    told.get('b', 2, 1)
  })
})

test('a value that nobody sent', () => {
  isSeen(/nobody sent/, (told) => { told.get('a', 1, 1) })
})

test('a write is older than what was told before it was sent', () => {
  isSeen(/version 1 of \/n was written after version 2/, (told) => {
    told.set('a', 'a/1', 1, 2)
    told.set('b', 'b/1', 2, 1)
  })
  isSeen(/version 1 of \/n was written after version 2/, (told) => {
    told.exists('a', 2)
    told.set('b', 'b/1', 2, 1)
  })
})

test('a session goes back', () => {
  isSeen(/saw version 2 of \/n, and then 1/, (told) => {
    told.set('a', 'a/1', 1, 1)
    told.set('a', 'a/2', 2, 2)
    told.get('b', 2, 2)
    told.get('b', 1, 1)
  })
})

test('a session does not read what it wrote', () => {
  isSeen(/saw version 2 of \/n, and then 1/, (told) => {
    told.set('b', 'b/1', 1, 1)
    told.set('a', 'a/1', 2, 2)
    told.get('a', 1, 1)
  }, 'C5')
  // It was told of a later one, which somebody else wrote.
  isSeen(/saw version 3 of \/n, and then 2/, (told) => {
    told.set('a', 'a/1', 2, 2)
    told.set('b', 'b/1', 3, 3)
    told.get('a', 3, 3)
    told.get('a', 2, 2)
  })
  isSeen(/before it was made anew/, (told) => {
    const flags = Mode.persistent
    const create: CreateRequest = { op: 1, path: '/n', data: bytes(2), acl: OPEN_ACL, flags, ttlMs: -1 }
    told.send('b/1', 1)
    told.get('a', 1, 0)
    told.versions.sent('a/1', create)
    told.versions.wrote('a/1', create, { code: 'Ok', result: { op: 1, path: '/n' } }, z(20), 0, told.sights.a)
    told.get('a', 1, 0)
  }, 'C5')
})

test('a session sees a node again that was made anew', () => {
  isSeen(/before it was made anew/, (told) => {
    told.send('a/1', 1)
    told.get('b', 1, 0)
    told.versions.sent('a/2', { op: 5, path: '/n', data: bytes(2), version: -1 })
    told.get('b', 2, 0, 20)
    told.get('b', 1, 0)
  })
})

test('a version that nobody can have written', () => {
  isSeen(/1 versions of \/n are nobody's, 0 writes are open/, (told) => {
    told.set('a', 'a/1', 1, 1)
    told.set('a', 'a/2', 2, 3)
  })
})

test('a multi that makes a node, deletes it and makes it again tells of the last one alone', () => {
  const told = new Told()
  const make = (value: number): CreateRequest =>
    ({ op: 1, path: '/n', data: bytes(value), acl: OPEN_ACL, flags: Mode.persistent, ttlMs: -1 })
  const change: SetDataRequest = { op: 5, path: '/n', data: bytes(2), version: -1 }
  const request: MultiRequest = { op: 14, ops: [make(1), change, { op: 2, path: '/n', version: -1 }, make(3)] }
  told.versions.sent('a/1', request)
  const made = { op: 1, path: '/n' } as const
  const results = [made, { op: 5, stat: stat(1) }, { op: 2 }, made] as const
  told.versions.wrote('a/1', request, { code: 'Ok', result: { op: 14, results } }, z(10), 0, told.sights.a)
  told.get('a', 3, 0)
  told.get('b', 3, 0)
  told.versions.check()
  isSeen(/two values|version 0/, (other) => {
    other.versions.sent('a/1', request)
    other.versions.wrote('a/1', request, { code: 'Ok', result: { op: 14, results } }, z(10), 0, other.sights.a)
    other.get('b', 1, 0)
  })
})

test.run()
