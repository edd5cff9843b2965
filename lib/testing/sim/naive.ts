import { epochOf } from '../../core/zxid.ts'
import type { History, Life, Logged, Reign } from './chronicle.ts'
import { Violation } from './violation.ts'

/** Formulas over all pairs of txns take the square of their number. */
const TXNS_MAX = 800

/**
 * T3: the formulas of the protocol once more, as they are written, quantified over everything that happened, slow and
 * with nothing kept from one step to the next. What the checks of each step let pass by mistake is seen here. False
 * when the history is too long for that.
 */
export function checkNaively(history: History): boolean {
  const servers = longestLives(history.lives)
  if (servers.some(({ delivered }) => delivered.length > TXNS_MAX)) return false
  primaryUniqueness(history)
  prefixConsistency(history)
  integrity(history, servers)
  for (const one of servers) {
    for (const other of servers) agreementAndOrder(one, other)
    primaryOrder(history, one)
    primaryIntegrity(history, one)
    commitConsistency(history, one)
  }
  initialHistories(history)
  completeness(history)
  durability(history)
  processConsistency(history)
  return true
}

/** The life of each server that delivered most: those before it delivered the same, which P2 says of all. */
function longestLives(lives: readonly Life[]): readonly Life[] {
  const longest = new Map<number, Life>()
  for (const life of lives) {
    if (life.delivered.length >= (longest.get(life.server)?.delivered.length ?? 0)) longest.set(life.server, life)
  }
  return [...longest.values()]
}

function fail(check: string, what: string): never {
  throw new Violation(check, `${what}, says the naive check`)
}

function isPrefix(shorter: readonly Logged[], longer: readonly Logged[]): boolean {
  return shorter.length <= longer.length && shorter.every(({ text }, at) => text === longer[at]!.text)
}

function holds(log: readonly Logged[], { text }: Logged): boolean {
  return log.some((entry) => entry.text === text)
}

/** Places of txns in a sequence. */
function placesOf(log: readonly Logged[]): ReadonlyMap<string, number> {
  return new Map(log.map(({ text }, at) => [text, at]))
}

/** P1: no two leaders of one epoch. */
function primaryUniqueness({ reigns }: History): void {
  for (const one of reigns) for (const other of reigns) {
    if (one.epoch === other.epoch && one.by !== other.by) fail('P1', `${one.by} and ${other.by} lead ${one.epoch}`)
  }
}

/** P2: of what two deliver, one is the beginning of the other. */
function prefixConsistency({ lives }: History): void {
  for (const { name, delivered } of lives) for (const other of lives) {
    if (delivered.length > other.delivered.length || isPrefix(delivered, other.delivered)) continue
    fail('P2', `${name} and ${other.name} deliver different things`)
  }
}

/** P3: what is delivered was proposed by a primary of its epoch. */
function integrity({ reigns }: History, servers: readonly Life[]): void {
  for (const { name, delivered } of servers) for (const entry of delivered) {
    const isProposed = reigns.some(({ epoch, proposed }) => epoch === epochOf(entry.zxid) && holds(proposed, entry))
    if (!isProposed) fail('P3', `${name} delivered ${entry.zxid}, which nobody proposed`)
  }
}

/**
 * P4: of a, delivered here, and b, delivered there, one is delivered at both. P5: what came before another somewhere
 * comes before it wherever that is delivered.
 */
export function agreementAndOrder(here: Life, there: Life): void {
  const [mine, theirs] = [placesOf(here.delivered), placesOf(there.delivered)]
  for (const a of here.delivered) for (const b of there.delivered) {
    if (!theirs.has(a.text) && !mine.has(b.text)) fail('P4', `${here.name} lacks ${b.zxid}, ${there.name} ${a.zxid}`)
  }
  for (const [a, at] of mine) for (const [b, later] of mine) {
    if (at >= later || !theirs.has(b)) continue
    if (!((theirs.get(a) ?? Infinity) < theirs.get(b)!)) fail('P5', `${there.name} delivers in another order`)
  }
}

/** P6: all that one primary proposed before what is delivered. P7: lower epochs first. */
function primaryOrder({ reigns }: History, { name, delivered }: Life): void {
  const places = placesOf(delivered)
  for (const { epoch, proposed } of reigns) for (const [at, a] of proposed.entries()) {
    for (const b of proposed.slice(at + 1)) {
      const place = places.get(b.text)
      if (place === undefined || (places.get(a.text) ?? Infinity) < place) continue
      fail('P6', `${name} delivers ${b.zxid} of epoch ${epoch} without ${a.zxid} before it`)
    }
  }
  for (const [at, a] of delivered.entries()) for (const b of delivered.slice(at + 1)) {
    if (epochOf(b.zxid) < epochOf(a.zxid) || b.zxid <= a.zxid) fail('P7', `${name} delivers ${b.zxid} after ${a.zxid}`)
  }
}

/** P8: a primary that proposes has delivered before whatever anybody ever delivers of lower epochs. */
function primaryIntegrity({ reigns }: History, { name, delivered }: Life): void {
  for (const { epoch, by, proposed, before } of reigns) {
    if (proposed.length === 0) continue
    const had = placesOf(before)
    for (const { zxid, text } of delivered) {
      if (epochOf(zxid) >= epoch || had.has(text)) continue
      fail('P8', `${by} proposes in ${epoch} without ${zxid}, which ${name} delivers`)
    }
  }
}

/** P10: before anything of an epoch its whole initial history. */
function commitConsistency({ reigns }: History, { name, delivered }: Life): void {
  for (const { epoch, initial } of reigns) {
    const first = delivered.findIndex(({ zxid }) => epochOf(zxid) === epoch)
    if (first < 0 || initial === null || isPrefix(initial.log, delivered.slice(0, first))) continue
    fail('P10', `${name} delivers of epoch ${epoch}, and not its history before`)
  }
}

/** P9: the history of an established epoch is the beginning of that of every later one. */
function initialHistories({ reigns }: History): void {
  for (const one of reigns) for (const other of reigns) {
    if (one.initial === null || other.initial === null || one.epoch >= other.epoch) continue
    if (isPrefix(one.initial.log, other.initial.log)) continue
    fail('P9', `the history of ${one.epoch} is not that of ${other.epoch}`)
  }
}

/** P12: who is established has whatever anybody had delivered of lower epochs. */
function completeness({ reigns }: History): void {
  for (const { epoch, by, initial } of reigns) for (const entry of initial?.delivered ?? []) {
    if (epochOf(entry.zxid) < epoch && !holds(initial!.log, entry)) fail('P12', `${by} leads without ${entry.zxid}`)
  }
}

/** P13: nobody drops what somebody had delivered. */
function durability({ cuts }: History): void {
  for (const { by, removed, delivered } of cuts) for (const entry of removed) {
    if (holds(delivered, entry)) fail('P13', `${by} drops the delivered ${entry.zxid}`)
  }
}

/** P15: who marks an epoch has its history, and after it what its primary proposed. P11: so any two of them agree. */
function processConsistency({ marks, reigns }: History): void {
  for (const { epoch, by, log } of marks) {
    const reign: Reign | undefined = reigns.find((one) => one.epoch === epoch)
    if (reign === undefined || reign.initial === null) continue
    const whole = [...reign.initial.log, ...reign.proposed]
    if (log.length >= reign.initial.log.length && isPrefix(log, whole)) continue
    fail('P15', `${by} marks ${epoch} without its history`)
  }
  for (const one of marks) for (const other of marks) {
    if (one.epoch !== other.epoch || one.log.length > other.log.length || isPrefix(one.log, other.log)) continue
    fail('P11', `${one.by} and ${other.by} mark ${one.epoch} with different histories`)
  }
}
