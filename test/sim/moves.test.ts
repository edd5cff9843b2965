/** C12: what may come of a write through a connection that its session has left. */
import { assert, suite } from '../harness.ts'
import type { SetDataRequest } from '../../lib/core/tree/request.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import { Moves } from '../../lib/testing/sim/moves.ts'
import type { Script } from '../../lib/testing/sim/script.ts'
import { Sight } from '../../lib/testing/sim/versions.ts'
import { Violation } from '../../lib/testing/sim/violation.ts'
import { A, B, C, started } from './scenarios/scenario.ts'

const test = suite('sim: moves')

const SET: SetDataRequest = { op: 5, path: '/n', data: new Uint8Array([1, 2, 3, 4]), version: -1 }
/** Beyond those that the script gives. */
const XID = 1_000

/** C leads epoch 1 and does not know that B leads 2 by now; the session is at A, which follows B, on connection 2. */
function deposed(): Script {
  const script = started(3, {}, A, B, C)
  script.connect(A, 1)
  script.write(A, 1, '/n')
  for (const told of [A, B]) script.halfOpen(told, C)
  script.lead(B)
  script.serve(A)
  assert.ok(script.replica(C).leader?.active, 'C leads on')
  script.resume(A, 2, 1)
  return script
}

/** The session goes on at this peer. */
function move(script: Script, peer: number, conn: number): void {
  script.resume(peer, conn, 1)
  assert.ok(script.connected.has(conn), 'it is confirmed')
}

/** The client writes through connection 2, which its session has left. */
function send(script: Script): void {
  script.ghost.ask(script.connected.get(2)!, XID, SET, 2)
}

/** That write comes to A, through this connection. */
function come(script: Script, conn: number): void {
  script.input(A, { kind: 'request', conn, xid: XID, request: SET })
  script.settle()
}

function haunt(script: Script): void {
  send(script)
  come(script, 2)
}

/** The bug that the check is there for: the leader takes the session to be at A, whatever it was told. */
function forget(script: Script): void {
  script.replica(script.leader).route.intake!.sessions.own(script.connected.get(2)!, A)
}

function isSeen(run: () => void): void {
  assert.throws(run, (error: unknown) => error instanceof Violation && error.check === 'C12')
}

function versionAt(script: Script, id: number): number {
  script.connect(id, 9)
  script.request(id, 9, { op: 4, path: '/n', watch: false })
  const { code, result } = script.replies.at(-1)!
  assert.is(code, 'Ok')
  // C1 knows who wrote what is read, and whose each version is.
  script.ghost.versions.read({ op: 4, path: '/n', watch: false }, { code: 'Ok', result: result! }, new Sight())
  script.ghost.versions.check()
  return (result as { readonly stat: { readonly version: number } }).stat.version
}

test('a move that a deposed leader has confirmed is unknown to that of a later epoch: the write may be done', () => {
  const script = deposed()
  move(script, C, 3)
  haunt(script)
  assert.is(script.replies.at(-1)?.xid, XID)
  assert.is(versionAt(script, B), 1)
})

test('a move within the epoch is known: the write is refused', () => {
  const script = deposed()
  move(script, B, 3)
  haunt(script)
  assert.not(script.connected.has(2))
  assert.is(versionAt(script, B), 0)
})

test('it is seen when it is done after a move within the epoch', () => {
  const script = deposed()
  move(script, B, 3)
  forget(script)
  isSeen(() => haunt(script))
})

test('it is seen when the session went on to a deposed leader only after such a move', () => {
  const script = deposed()
  move(script, B, 3)
  move(script, C, 4)
  forget(script)
  isSeen(() => haunt(script))
})

test('it is seen when it is done in an epoch after that of the connection', () => {
  const script = deposed()
  move(script, C, 3)
  send(script)
  script.heal()
  script.serve(A, B, C)
  script.crash(B)
  script.lead(C)
  script.serve(A)
  move(script, A, 4)
  isSeen(() => come(script, 4))
})

test('what is excused is the epoch of the connection, as long as it is the last one', () => {
  const [moves, session] = [new Moves(), '0x100000001' as SessionId]
  let conn = 0
  const confirm = (epoch: number): number => {
    moves.emitted(A, { kind: 'role', role: 'following', serving: true, epoch, leader: C, reason: 'serving' })
    moves.emitted(A, { kind: 'role', role: 'looking', serving: false, epoch: 99, leader: null, reason: 'left' })
    moves.emitted(A, { kind: 'connected', conn: ++conn, session, password: new Uint8Array(16), timeoutMs: 1 })
    return conn
  }
  const first = confirm(4)
  confirm(3)
  assert.is(moves.excused(session, first), 4)
  const third = confirm(2)
  confirm(1)
  assert.equal([first, third].map((left) => moves.excused(session, left)), [4, 2])
  confirm(2)
  assert.equal([first, third].map((left) => moves.excused(session, left)), [4, 0])
  confirm(5)
  assert.is(moves.excused(session, first), 0)
  assert.is(moves.excused(session, 99), 0, 'it never had the session')
})

test.run()
