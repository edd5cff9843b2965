/** One thing that may happen to an ensemble. */

const KINDS =
  ['deliver', 'persist', 'restart', 'connect', 'write', 'crash', 'lose', 'timeout', 'wait', 'decide'] as const

/** `other` is the peer at the other end, where there is one. */
export interface Action {
  readonly kind: typeof KINDS[number]
  readonly peer: number
  readonly other: number
}

/** Each one there is, by its code, once. */
const ACTIONS: (Action | undefined)[] = Array.from({ length: KINDS.length * 256 }, () => undefined)

/** The action, the same object each time. */
export function act(kind: Action['kind'], peer: number, other: number = peer): Action {
  const code = KINDS.indexOf(kind) * 256 + peer * 16 + other
  return ACTIONS[code] ??= { kind, peer, other }
}

export function codeOf({ kind, peer, other }: Action): number {
  return KINDS.indexOf(kind) * 256 + peer * 16 + other
}

export function actionOf(code: number): Action {
  return { kind: KINDS[code >> 8]!, peer: code >> 4 & 15, other: code & 15 }
}

export function textOf({ kind, peer, other }: Action): string {
  switch (kind) {
    case 'deliver': return `peer ${peer + 1} reads from peer ${other + 1}`
    case 'persist': return `a write of peer ${peer + 1} is on disk`
    case 'connect': return `peers ${other + 1} and ${peer + 1} connect`
    case 'decide': return `peer ${peer + 1} acts on the votes of a quorum`
    case 'lose': return `peer ${peer + 1} loses its link to peer ${other + 1}`
    default: return `peer ${peer + 1}: ${kind}`
  }
}

/** What happens only so often. */
export function isFault({ kind }: Action): boolean {
  return kind === 'crash' || kind === 'lose' || kind === 'timeout'
}
