import { RawWriter } from '../raw-bytes.ts'
import { Op } from '../raw-replies.ts'
import { OPEN } from './material.ts'
import { create } from './operations.ts'
import { LONG_MS } from './step.ts'
import type { Ask, Step } from './step.ts'

const LARGEST_FRAME = 1_048_575

const ask = (opcode: number, text: string, body: RawWriter): Ask => ({ opcode, text, encode: () => body.bytes() })
const requests = (actor: number, ...asks: Ask[]): Step => ({ kind: 'requests', actor, asks })
const CLOSE = ask(Op.closeSession, 'closeSession', new RawWriter())
/** Lists that are null. */
const NO_LISTS = ask(Op.setWatches, 'setWatches(0, null, [], [])', new RawWriter().long(0n).int(-1).int(0).int(0))

/** The data that makes the frame of a create exactly so long. */
function filling(path: string, bytes: number): Buffer {
  const empty = create(Op.create, path, Buffer.alloc(0), OPEN, 0, -1n).encode(() => 0n)
  return Buffer.alloc(bytes - 8 - empty.length, 'x')
}

const big = (path: string, bytes: number): Ask => create(Op.create, path, filling(path, bytes), OPEN, 0, -1n)

/** What every run ends with: bounds that chance does not meet. */
export const ENDING: readonly Step[] = [
  { kind: 'open', actor: 2, opening: 'fresh', timeOut: LONG_MS },
  requests(2, big('/big', LARGEST_FRAME)),
  requests(2, ask(Op.exists, 'exists(/big)', new RawWriter().string('/big').byte(0))),
  requests(2, ask(Op.delete, 'delete(/big)', new RawWriter().string('/big').int(-1))),
  requests(2, big('/bigger', LARGEST_FRAME + 1)),
  { kind: 'open', actor: 0, opening: 'fresh', timeOut: LONG_MS },
  requests(0, NO_LISTS),
  ...[-5, 0, 1, 3_999, 4_000, 4_001, LONG_MS - 1, LONG_MS, LONG_MS + 1, 2_147_483_647].flatMap((timeOut): Step[] => [
    { kind: 'open', actor: 1, opening: 'fresh', timeOut }, requests(1, CLOSE),
    { kind: 'open', actor: 1, opening: 'resume', timeOut },
  ]),
]
