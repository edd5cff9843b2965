import { isTaken, requestBytes } from '../../lib/client/request-size.ts'
import { OPEN_ACL } from '../../lib/core/tree/request.ts'
import type { MultiOp, Request } from '../../lib/core/tree/request.ts'
import { assert, suite } from '../harness.ts'

const test = suite('size of requests')

/** One, two and three bytes of UTF-8 in a UTF-16 unit. */
const PATHS = ['/', '/plain', '/ähnlich', '/中文', `/${'中'.repeat(100)}`, `/${'x'.repeat(300)}`]
const DATA = [null, new Uint8Array(0), new Uint8Array(1_000)]

function writes(path: string, data: Uint8Array | null): MultiOp[] {
  const acl = [{ perms: 31, scheme: 'digest', id: 'üser:中' }]
  return [
    { op: 5, path, data, version: -1 }, { op: 2, path, version: -1 }, { op: 13, path, version: -1 },
    { op: 1, path, data, acl: OPEN_ACL, flags: 0, ttlMs: -1 }, { op: 15, path, data, acl: null, flags: 0, ttlMs: -1 },
    { op: 19, path, data, acl, flags: 4, ttlMs: -1 },
  ]
}

test('a request is taken up to the limit to the byte, whatever its texts are', () => {
  for (const path of PATHS) {
    for (const data of DATA) {
      const ops = writes(path, data)
      const requests: Request[] = [
        ...ops.filter((op) => op.op !== 13), { op: 14, ops }, { op: 7, path, acl: OPEN_ACL, version: -1 },
      ]
      for (const request of requests) {
        const bytes = requestBytes(request)
        const what = `op ${request.op} at ${path}, ${bytes} bytes`
        assert.is(isTaken(request, bytes), true, what)
        assert.is(isTaken(request, bytes - 1), false, what)
        assert.is(isTaken(request, 10 * bytes), true, what)
      }
    }
  }
})

test('what is no write has no size', () => {
  for (const path of PATHS) assert.is(isTaken({ op: 4, path, watch: false }, 0), true)
})

test.run()
