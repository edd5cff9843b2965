import { ForwardWindow } from './forward-window.ts'
import type { Intake } from './intake.ts'
import type { SessionId } from '../tree/stat.ts'
import type { ZabContext } from '../zab/context.ts'
import type { Leader } from '../zab/leader.ts'
import type { Learner } from '../zab/learner.ts'
import type { ForwardedRequest, LearnerMessage } from '../zab/messages.ts'

/**
 * Where the requests of this peer's clients go on: to its own intake while it leads, else to the leader it follows.
 * Exactly one of both is set while the peer serves.
 */
export class Route {
  readonly #context: ZabContext
  readonly #window: ForwardWindow
  readonly #revalidated: (tag: number, timeoutMs: number) => void
  #leader: Leader | null = null
  #learner: Learner | null = null
  /** Set while this peer leads an established epoch. */
  intake: Intake | null = null

  constructor(context: ZabContext, revalidated: (tag: number, timeoutMs: number) => void) {
    this.#context = context
    this.#window = new ForwardWindow(context.config.limits.linkWindowBytes)
    this.#revalidated = revalidated
  }

  lead(leader: Leader, intake: Intake): void {
    this.#leader = leader
    this.intake = intake
  }

  follow(learner: Learner): void {
    this.#learner = learner
  }

  /** The role is over: nothing is on its way any more. */
  close(): void {
    this.#leader = null
    this.#learner = null
    this.intake = null
    this.#window.clear()
  }

  forward(request: ForwardedRequest): void {
    if (this.intake !== null) this.intake.add(this.#context.config.peerId, request)
    else this.#window.add(request)
  }

  /** Takes back requests that have not left this peer, by their tags in ascending order. */
  withdraw(tags: readonly number[]): void {
    this.#window.withdraw(tags)
  }

  /** Asks the leader whether a session lives, and makes this peer its owner. */
  revalidate(tag: number, session: SessionId): void {
    const learner = this.#learner
    if (this.intake !== null) this.#revalidated(tag, this.intake.revalidate(this.#context.config.peerId, session))
    else if (learner !== null) {
      this.#context.send(learner.leader, { kind: 'revalidate', join: learner.join, tag, session })
    }
  }

  askSync(tag: number): void {
    const learner = this.#learner
    if (this.#leader !== null) this.#leader.askSync(this.#context.config.peerId, tag)
    else if (learner !== null) this.#context.send(learner.leader, { kind: 'syncAsk', join: learner.join, tag })
  }

  /** The leader's side: what a learner forwards. */
  received(peer: number, message: Extract<LearnerMessage, { kind: 'forward' | 'revalidate' }>): void {
    if (this.intake === null) return
    if (message.kind === 'forward') {
      for (const request of message.requests) this.intake.add(peer, request)
      return
    }
    const timeoutMs = this.intake.revalidate(peer, message.session)
    this.#context.send(peer, { kind: 'revalidated', join: message.join, tag: message.tag, timeoutMs })
  }

  /** A txn that this peer asked for is applied. */
  answered(tag: number): void {
    this.#window.answered(tag)
  }

  /** Sends what the turn gathered, as far as the window allows. */
  flush(): void {
    if (this.#learner === null) return
    const requests = this.#window.take()
    if (requests.length === 0) return
    this.#context.send(this.#learner.leader, { kind: 'forward', join: this.#learner.join, requests })
  }
}
