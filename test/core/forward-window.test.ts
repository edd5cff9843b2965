import { ForwardWindow } from '../../lib/core/session/forward-window.ts'
import { NO_SESSION } from '../../lib/core/tree/stat.ts'
import type { ForwardedRequest } from '../../lib/core/zab/messages.ts'
import { assert, suite } from '../harness.ts'

const test = suite('forward window')

const request = (tag: number, size: number): ForwardedRequest => ({
  tag, session: NO_SESSION, cxid: tag,
  body: { kind: 'write', identities: [], request: { op: 5, path: '/a', data: new Uint8Array(size), version: -1 } },
})
const tags = (requests: readonly ForwardedRequest[]): number[] => requests.map(({ tag }) => tag)

test('what is unanswered is bounded, in order, and answers make room', () => {
  const window = new ForwardWindow(3_000)
  for (let tag = 1; tag <= 10; tag++) window.add(request(tag, 900))
  assert.equal(tags(window.take()), [1, 2, 3])
  assert.equal(tags(window.take()), [])
  window.answered(2)
  assert.equal(tags(window.take()), [4, 5])
  window.answered(1)
  assert.equal(tags(window.take()), [])
  window.answered(9)
  assert.equal(tags(window.take()), [6, 7, 8])
  window.add(request(11, 900))
  window.clear()
  window.add(request(12, 50_000))
  window.add(request(13, 1))
  assert.equal(tags(window.take()), [12], 'a request larger than the window goes alone')
  window.answered(12)
  assert.equal(tags(window.take()), [13])
})

test('what makes a request large counts: its lists, its paths, the identities of who asks', () => {
  const [path, id] = [`/${'x'.repeat(10_000)}`, 'y'.repeat(1_000)]
  const acl = Array.from({ length: 20 }, (_, at) => ({ perms: 31, scheme: 'digest', id: `${at}${id}` }))
  const small = { op: 5, path: '/a', data: null, version: -1 } as const
  const bodies: readonly Extract<ForwardedRequest['body'], { kind: 'write' }>[] = [
    { kind: 'write', identities: [], request: { op: 7, path: '/a', acl, version: -1 } },
    { kind: 'write', identities: [], request: { op: 2, path, version: -1 } },
    { kind: 'write', identities: [], request: { op: 14, ops: [{ op: 13, path, version: -1 }] } },
    { kind: 'write', identities: acl, request: small },
  ]
  for (const body of bodies) {
    const window = new ForwardWindow(10_000)
    for (let tag = 1; tag <= 5; tag++) window.add({ tag, session: NO_SESSION, cxid: tag, body })
    assert.equal(tags(window.take()), [1], `a request ${body.request.op}`)
  }
  const window = new ForwardWindow(10_000)
  for (let tag = 1; tag <= 50; tag++) window.add(request(tag, 0))
  assert.is(window.take().length, 50)
})

test('thousands pass through in order', () => {
  const window = new ForwardWindow(100_000)
  const passed: number[] = []
  for (let tag = 1; tag <= 20_000; tag++) window.add(request(tag, 0))
  while (passed.length < 20_000) {
    passed.push(...tags(window.take()))
    window.answered(passed.at(-1)! - 500)
    if (passed.length === 20_000) break
  }
  assert.ok(passed.every((tag, index) => tag === index + 1))
})

test('what was taken back is not sent, counts for nothing and is not kept', () => {
  const window = new ForwardWindow(3_000)
  for (let tag = 1; tag <= 8; tag++) window.add(request(tag * 10, 900))
  window.withdraw([20, 50])
  window.withdraw([0, 5, 15, 20, 95])
  assert.equal(tags(window.take()), [10, 30, 40])
  window.withdraw([10, 30, 70])
  window.answered(40)
  assert.equal(tags(window.take()), [60, 80])
  window.add(request(90, 900))
  window.add(request(100, 900))
  window.withdraw([90, 100])
  window.add(request(110, 900))
  assert.equal(tags(window.take()), [110])
})

test('connections that end together take back what waits without going through all of it each', () => {
  const [connections, writes] = [300, 100]
  let looks = 0
  const window = new ForwardWindow(1)
  const own: number[][] = Array.from({ length: connections }, () => [])
  window.add(request(1, 0))
  assert.equal(tags(window.take()), [1])
  for (let tag = 2; tag < 2 + connections * writes; tag++) {
    own[tag % connections]!.push(tag)
    const { session, cxid, body } = request(tag, 0)
    window.add({ session, cxid, body, get tag() { looks++; return tag } })
  }
  window.add(request(1_000_000, 0))
  for (const of of own) window.withdraw(of)
  assert.ok(looks <= connections * writes * 40, `${looks} looks`)
  window.answered(1)
  assert.equal(tags(window.take()), [1_000_000])
})

test.run()
