/** Reads that are more than one turn answers. */
import { OPEN_ACL } from '../../../lib/core/tree/request.ts'
import type { CreateRequest } from '../../../lib/core/tree/request.ts'
import { A, B, C, convergeWith, must, started } from './scenario.ts'
import type { Scenario, Section } from './scenario.ts'

const create = (path: string): CreateRequest => ({ op: 1, path, data: null, acl: OPEN_ACL, flags: 0, ttlMs: -1 })

const readsBeforeWrite: Scenario = {
  name: 'S-reads-before-write a txn waits until all that its session read before it is answered, however much that is',
  run: (options) => {
    const script = started(3, options, A, B, C)
    script.connect(A, 1)
    script.request(A, 1, create('/names'))
    script.request(A, 1, { op: 14, ops: Array.from({ length: 200 }, (_, at) => create(`/names/${at}`)) })
    // The first write holds back all that follows, which is more than one turn has room for.
    const names = { op: 8, path: '/names', watch: false } as const
    script.hold(A, B, C)
    script.request(A, 1, create('/first'))
    for (let reads = 0; reads < 20; reads++) script.request(A, 1, { op: 22, ops: Array(200).fill(names) })
    script.request(A, 1, create('/names/more'))
    script.request(A, 1, names)
    const from = script.replies.length
    script.release(A, B, C)
    script.pass(500)
    const replies = script.replies.slice(from)
    must(replies.length === 23 && replies.every(({ code }) => code === 'Ok'), 'C2', 'requests were not answered')
    for (const { result } of replies) {
      if (result?.op !== 22) continue
      must(result.results.every((one) => one.op === 8 && one.children.length === 200), 'C3', 'a read sees later writes')
    }
    convergeWith(script, ['/first', '/names/more'])
    return script
  },
  mutants: [{ mutant: 'appliesPastReads', seenBy: ['C2'] }],
}

/** What is built of them. */
export const READS: Section = [readsBeforeWrite]
