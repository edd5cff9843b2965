/** Ways to mistreat a client port. */
import type { Random } from '../../lib/core/random.ts'
import type { SessionId } from '../../lib/core/tree/stat.ts'
import type { Zxid } from '../../lib/core/zxid.ts'
import { makeFrame } from '../../lib/wire/frame.ts'
import { writeConnectRequest } from '../../lib/wire/jute/records.ts'
import { writeRequest } from '../../lib/wire/jute/requests.ts'
import { JuteWriter } from '../../lib/wire/jute/writer.ts'
import { create } from './raw-client.ts'

/** One connection: what it sends, and how it ends. */
export interface Attack {
  readonly name: string
  readonly pieces: readonly Uint8Array[]
  /** `peer`: the peer must end it by itself; `end`: nothing more is sent; `reset`: it is gone. */
  readonly ending: 'peer' | 'end' | 'reset'
}

const EXTREMES = [0, -1, 1, -2, 16, 1_000, 2 ** 31 - 1, -(2 ** 31), 2 ** 30] as const

/** The characters as bytes. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

function noise(random: Random, most: number): Uint8Array {
  return Uint8Array.from({ length: 1 + random.below(most) }, () => random.below(256))
}

function word(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** A first word as it should be; its session lives as short as the peer lets it. */
export function greeting(timeoutMs = 0): Uint8Array {
  const writer = new JuteWriter()
  writeConnectRequest(writer, {
    lastZxidSeen: 0 as Zxid, timeoutMs, session: '0x0' as SessionId, password: new Uint8Array(16), readOnly: false,
  })
  return writer.frame()
}

function absurdGreeting(random: Random): Uint8Array {
  const extreme = (): number => EXTREMES[random.below(EXTREMES.length)]!
  const writer = new JuteWriter()
  writer.begin()
  writer.int(extreme())
  writer.int(extreme())
  writer.int(extreme())
  writer.int(extreme())
  // No session is like that: ids of living ones are nobody's to guess here.
  writer.int(0x7ead0000 + random.below(65_536))
  writer.int(random.below(2 ** 31))
  const passwordBytes = extreme()
  writer.int(passwordBytes)
  writer.raw(new Uint8Array(Math.max(0, Math.min(900, passwordBytes))))
  if (random.below(2) === 0) writer.bool(random.below(2) === 0)
  writer.end()
  return writer.frame()
}

/** A request whose header is right and whose body is not. */
function brokenRequest(random: Random): Uint8Array {
  const op = random.below(130) - 12
  return makeFrame(Uint8Array.from([...word(random.below(1_000)), ...word(op), ...noise(random, 60)]))
}

function goodRequests(random: Random): Uint8Array[] {
  const writer = new JuteWriter()
  return Array.from({ length: 1 + random.below(4) }, (_, xid) => {
    writeRequest(writer, xid, create(`/garbage/${random.below(1_000)}`))
    return writer.frame()
  })
}

const TLS_HELLO = Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3)
const HTTP = 'GET / HTTP/1.1\r\nHost: here\r\nUser-Agent: curl\r\n\r\n'
const STRANGE_WORDS = ['help', 'quit', 'RUOK', 'sta\n', 'POST', 'SSH-', '\x7fELF', 'EHLO', 'zzzz']

type Kind = (random: Random) => Omit<Attack, 'name'>

const peerEnds = (...pieces: Uint8Array[]): Omit<Attack, 'name'> => ({ pieces, ending: 'peer' })
const weEnd = (...pieces: Uint8Array[]): Omit<Attack, 'name'> => ({ pieces, ending: 'end' })

const KINDS: Readonly<Record<string, Kind>> = {
  'random bytes': (random) => weEnd(noise(random, 300)),
  'half a frame': (random) => weEnd(Uint8Array.from([0, 0, 0, 45, ...noise(random, 40)])),
  'half a length': (random) => weEnd(new Uint8Array(1 + random.below(3))),
  '2 GiB': (random) => peerEnds(Uint8Array.from([...word(2 ** 31 - 1 - random.below(9)), ...noise(random, 60)])),
  'a negative length': (random) => peerEnds(word(-1 - random.below(2 ** 31))),
  'a length above the first': (random) => peerEnds(word(1_025 + random.below(2 ** 20))),
  'no length': () => peerEnds(new Uint8Array(4)),
  'a word twice': () => peerEnds(ascii('ruokruok')),
  'a word in two': () => peerEnds(ascii('st'), ascii('at')),
  'a word that is not allowed': () => peerEnds(ascii('dump\r\n')),
  'a word not ended': () => weEnd(ascii('srv')),
  'half a mask': () => weEnd(ascii('stmk'), ascii('abc')),
  'no word': (random) => peerEnds(ascii(STRANGE_WORDS[random.below(STRANGE_WORDS.length)]!)),
  HTTP: () => peerEnds(ascii(HTTP)),
  TLS: () => peerEnds(TLS_HELLO),
  'an absurd greeting': (random) => weEnd(absurdGreeting(random)),
  'nothing at all': () => ({ pieces: [], ending: 'reset' }),
  'gone in the middle of a greeting': () => ({ pieces: [greeting().subarray(0, 20)], ending: 'reset' }),
  'gone after requests': (random) => ({ pieces: [greeting(), ...goodRequests(random)], ending: 'reset' }),
  'two greetings': () => weEnd(greeting(), greeting()),
  'garbage behind a greeting': (random) => weEnd(greeting(), noise(random, 300)),
  'garbage with a greeting': (random) => weEnd(Uint8Array.from([...greeting(), ...noise(random, 300)])),
  'a huge request': (random) => peerEnds(greeting(), word(1_048_576 + random.below(2 ** 30))),
  'an empty request': () => peerEnds(greeting(), new Uint8Array(4)),
  'broken requests': (random) =>
    weEnd(greeting(), ...Array.from({ length: 1 + random.below(5) }, () => brokenRequest(random))),
}

export const ATTACK_NAMES: readonly string[] = Object.keys(KINDS)

/** The attack with this number: all kinds take turns. */
export function attack(number: number, random: Random): Attack {
  const name = ATTACK_NAMES[number % ATTACK_NAMES.length]!
  return { name, ...KINDS[name]!(random) }
}
