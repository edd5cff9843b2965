import type { Arrival } from '../raw-replies.ts'
import { Op } from '../raw-replies.ts'
import type { Ask } from './step.ts'

/** A difference that is meant. */
export interface Known {
  readonly name: string
  readonly reason: string
  /** Whether this pair of arrivals, Apache ZooKeeper's and ours, is a case of it; `ask` is the request it answers. */
  readonly applies: (apache: Arrival | undefined, ours: Arrival | undefined, ask: Ask | undefined) => boolean
  /** Apache ZooKeeper may have used up a zxid there, where we did not. */
  readonly isZxidSkipped?: true
  /** The differences that are part of it. */
  readonly only?: RegExp
}

const WRITES: ReadonlySet<number> = new Set([
  Op.create, Op.create2, Op.createContainer, Op.createTTL, Op.delete, Op.setData, Op.setACL, Op.multi,
])
const MARSHALLING_ERROR = -5

/** Every difference between Apache ZooKeeper and us that the run may meet. */
export const KNOWN: readonly Known[] = [
  {
    name: 'a refused reconfig is no txn',
    reason: 'Apache ZooKeeper logs a failed txn for it; we refuse it before it is one',
    applies: (apache, _ours, ask) => apache?.kind === 'reply' && ask?.opcode === Op.reconfig,
    isZxidSkipped: true,
  },
  {
    name: 'a write that cannot be decoded is no txn',
    reason: 'Apache ZooKeeper logs a failed txn for it; what is no request should cost no write to a disk',
    applies: (apache, _ours, ask) =>
      apache?.kind === 'reply' && apache.err === MARSHALLING_ERROR && ask !== undefined && WRITES.has(ask.opcode),
    isZxidSkipped: true,
  },
  {
    name: 'a failed multiRead has no body',
    reason: 'Apache ZooKeeper writes the results it had before the failure, which no client reads',
    applies: (apache, ours, ask) =>
      apache?.kind === 'reply' && ours?.kind === 'reply' && apache.err === MARSHALLING_ERROR &&
      ours.err === apache.err && ours.surplus === 0 && ask?.opcode === Op.multiRead,
    only: /^surplus: /,
  },
  {
    name: 'an entry of an access-control list without an id is InvalidACL',
    reason: 'Apache ZooKeeper stumbles over the null and calls the request undecodable, all of it in a multi',
    applies: (apache, ours, ask) => apache?.kind === 'reply' && ours?.kind === 'reply' &&
      apache.err === MARSHALLING_ERROR && /"(world|ip|digest)",id:null/.test(ask?.text ?? ''),
    only: /^(err|body)\b/,
  },
  {
    name: 'the version of /zookeeper/config is -1 on a server alone, too',
    reason: 'Apache ZooKeeper has -1 there in an ensemble and 0 without; clients are to see one kind of server',
    applies: (_apache, _ours, ask) => ask?.text.includes('"/zookeeper/config"') === true,
    only: /stat\.version: 0 against -1$/,
  },
  {
    name: '/zookeeper/config was never modified',
    reason: 'every server of Apache ZooKeeper has the time of its own start there; ours agree on the node',
    applies: (_apache, _ours, ask) => ask?.text.includes('"/zookeeper/config"') === true,
    only: /stat\.mtime: \d+ against 0$/,
  },
  {
    name: 'characters outside the basic plane are sent as UTF-8',
    reason: 'Apache ZooKeeper sends each surrogate by itself, which is not UTF-8; no node can have such a name',
    applies: (apache) => apache !== undefined && JSON.stringify(apache, (_key, part: unknown) =>
      typeof part === 'bigint' ? '' : part).includes('\ufffd'),
    only: /path: .*\ufffd.* against /,
  },
  {
    name: 'sync without a path echoes an empty one',
    reason: 'Apache ZooKeeper echoes the null; no client looks at it',
    applies: (_apache, _ours, ask) => ask?.text === 'sync(null)',
    only: /^body\.path: null against ""$/,
  },
  {
    name: 'a watch needs a path',
    reason: 'Apache ZooKeeper keeps watches on a null path, which can never fire; we refuse the request as undecodable',
    applies: (apache, ours, ask) => apache?.kind === 'reply' && ours?.kind === 'reply' &&
      ours.err === MARSHALLING_ERROR && /(add|check|remove)Watch(es)?\(null/.test(ask?.text ?? ''),
    only: /^(err|body)\b/,
  },
]
