import { helloFrame } from '../raw-client.ts'
import { Op } from '../raw-replies.ts'
import { RawWriter } from '../raw-bytes.ts'
import { OPEN } from './material.ts'
import { anyAsk, anyOrdinary, create } from './operations.ts'
import type { Avoids } from './operations.ts'
import type { Random } from './random.ts'
import { IDENTITIES } from './server.ts'
import { LONG_MS } from './step.ts'
import type { Ask, Opening, Step } from './step.ts'

/** Longer than a run, so that no session expires in the middle. */

/** How every run begins: open connections, and a tree to work on. */
export const PRELUDE: readonly Step[] = [
  ...IDENTITIES.map((_, actor): Step => ({ kind: 'open', actor, opening: 'fresh', timeOut: LONG_MS })),
  ...['/t', '/t/a', '/t/b', '/u'].map((path): Step => ({
    kind: 'requests', actor: 0, asks: [create(Op.create, path, Buffer.from('first'), OPEN, 0, -1n)],
  })),
]

function anyOpening(random: Random, isOpen: boolean): Opening {
  return random.weighted<Opening>([
    [12, 'resume'], [2, 'resume as of old'], [2, 'fresh'], [1, 'fresh as of old'], [2, 'wrong password'],
    [1, 'just too new'], [1, 'nobody'], [0.5, 'fresh with a password'], [0.5, 'fresh of another version'],
    [0.5, 'fresh and more'],
    [1, 'null password'], [1, 'too new'], [1, 'half a hello'], [isOpen ? 5 : 0, 'evict'],
    [5, 'elsewhere'], [isOpen ? 3 : 0, 'move'],
  ])
}

const BYTES: readonly (readonly [string, Buffer])[] = [
  ['length 0', Buffer.alloc(4)], ['length -1', new RawWriter().int(-1).bytes()],
  ['length of 2 GiB', new RawWriter().int(2_147_483_647).bytes()],
  ['one more than the largest length', new RawWriter().int(1_048_576).bytes()],
  ['half a header', new RawWriter().buffer(Buffer.alloc(5)).bytes()],
  ['a header less one byte', new RawWriter().buffer(Buffer.alloc(7)).bytes()],
  ['a four-letter word', Buffer.from('ruok')], ['a four-letter word that is frequent', Buffer.from('srvr')],
  ['another hello', helloFrame({
    lastZxidSeen: 0n, timeOut: LONG_MS, sessionId: 0n, password: Buffer.alloc(16), readOnly: false,
  })],
]

/** What happens next. Depends on nothing but the generator and on which connections are open. */
export function nextStep(random: Random, isOpen: (actor: number) => boolean, avoids: Avoids): Step {
  const closed = IDENTITIES.findIndex((_, actor) => !isOpen(actor))
  const actor = closed >= 0 ? closed : random.weighted([[5, 0], [5, 1], [3, 2]])
  if (closed >= 0 || random.chance(0.02)) {
    return { kind: 'open', actor, opening: anyOpening(random, closed < 0), timeOut: LONG_MS }
  }
  if (random.chance(0.005)) {
    const [text, bytes] = random.pick(BYTES)
    return { kind: 'bytes', actor, bytes, text }
  }
  if (random.chance(0.06)) {
    // What ends the connection may overtake, so bursts are without it.
    const all = random.many(2 + random.below(24), () => anyOrdinary(random))
    // Apache ZooKeeper checks requests against lists that are being replaced, as chance has it: one at most, the last.
    const isList = ({ opcode }: Ask): boolean => opcode === Op.setACL
    const asks = [...all.filter((each) => !isList(each)), ...all.filter(isList).slice(0, 1)]
    return { kind: 'requests', actor, asks, ...random.chance(0.2) ? { pieceBytes: 1 + random.below(60) } : {} }
  }
  return { kind: 'requests', actor, asks: [anyAsk(random, avoids)], ...random.chance(0.02) ? { pieceBytes: 1 } : {} }
}
