import { isZkError, ZkError } from '../../../lib/core/errors.ts'
import { makeSecret, RefusedError, shakeHands } from '../../../lib/wire/handshake.ts'
import type { FrameStream, HandshakeSide, Hello } from '../../../lib/wire/handshake.ts'
import { joined } from '../mutate.ts'
import { framesMutated, framesOf, packedMutated, streamOf } from '../structure.ts'
import { must } from '../target.ts'
import type { Target } from '../target.ts'
import { PACKED_TOKENS } from './packed-tokens.ts'

const hello = (peerId: number, target: number, secured: boolean): Hello => ({
  minVersion: 1, maxVersion: 1, peerId, target, ensembleName: 'fuzz', ensembleId: '', members: '1:voter,2:voter',
  incarnation: 77, attempt: 3, secured,
})

/** Frames that one side hears, whatever it says; the stream ends behind them. */
function stream(frames: readonly Uint8Array[], said: Uint8Array[]): FrameStream {
  const left = frames.slice()
  return {
    send: (frame) => void said.push(frame.slice(4)),
    async next() {
      await Promise.resolve()
      const frame = left.shift()
      if (frame === undefined) throw new ZkError('ConnectionLoss')
      return frame
    },
  }
}

type Secret = Awaited<ReturnType<typeof makeSecret>>

function side(role: 'dial' | 'accept', secret: Secret | null): HandshakeSide {
  const [own, other] = role === 'dial' ? [1, 2] : [2, 1]
  return {
    role, secret, dialsMade: () => 5,
    hello: (peer) => {
      // As a mesh does with whom it does not know.
      if (peer !== null && peer.peerId !== other) throw new ZkError('MembershipMismatch')
      return hello(own, other, secret !== null)
    },
    commit: (peer) => must(peer.peerId === other, 'somebody else is let in'),
  }
}

/** What one side says to the other when both are in order. */
async function conversation(role: 'dial' | 'accept', secret: Secret | null): Promise<Uint8Array[]> {
  const queues: [Uint8Array[], Uint8Array[]] = [[], []]
  const said: Uint8Array[] = []
  const end = (own: 0 | 1): FrameStream => ({
    send: (frame) => {
      if ((own === 0) === (role === 'dial')) said.push(frame.slice(4))
      queues[own].push(frame.slice(4))
    },
    async next() {
      for (;;) {
        const frame = queues[own === 0 ? 1 : 0].shift()
        if (frame !== undefined) return frame
        await new Promise((resolve) => { setImmediate(resolve) })
      }
    },
  })
  await Promise.all([shakeHands(side('dial', secret), end(0)), shakeHands(side('accept', secret), end(1))])
  return said
}

const CODES: ReadonlySet<string> = new Set(['BadFrame', 'ProtocolVersion', 'ForeignEnsemble', 'MembershipMismatch',
  'HandshakeFailed', 'ConnectionLoss'])

let recorded: Uint8Array[] | null = null

/** What was said in conversations that went well: the first byte says by whom, and whether there was a secret. */
async function record(): Promise<Uint8Array[]> {
  const secret = await makeSecret('open sesame')
  const seeds: Uint8Array[] = []
  for (const [index, role] of (['dial', 'accept'] as const).entries()) {
    for (const [own, shared] of [null, secret].entries()) {
      seeds.push(joined(Uint8Array.of(index + 2 * own), streamOf(await conversation(role, shared))))
    }
  }
  return seeds
}

/** Strangers at the door between peers, and at the door that a peer knocks at. */
export const handshakeTarget: Target = {
  name: 'handshake', about: 'both sides of the handshake between peers, with and without a secret',
  tokens: PACKED_TOKENS,
  prepare: async () => { recorded = await record() },
  seeds: () => recorded ?? [],
  mutate: (input, random, other) => joined(Uint8Array.of(random.below(4) === 0 ? random.below(4) : input[0] ?? 0),
    framesMutated(input.subarray(1), random, other.subarray(1), packedMutated)),
  async make() {
    const secret = await makeSecret('open sesame')
    return {
      async run(input) {
        const [way = 0] = input
        const isSecured = (way & 2) !== 0
        // Who spoke as the dialler is heard by the acceptor.
        const role = (way & 1) === 0 ? 'accept' : 'dial'
        const said: Uint8Array[] = []
        try {
          const { version } = await shakeHands(side(role, isSecured ? secret : null),
            stream(framesOf(input.subarray(1)), said))
          must(!isSecured, 'who does not know the secret is let in')
          return `${role} ${version}`
        } catch (error) {
          if (error instanceof RefusedError) return `${role} refused`
          if (!isZkError(error) || !CODES.has(error.code)) throw error
          // A refusal is told, and it is one frame that can be read.
          must(said.length > 0 || error.code === 'ConnectionLoss', 'nothing was said of the refusal')
          return `${role} ${error.code} ${said.length}`
        }
      },
    }
  },
}
