import { isDeepStrictEqual } from 'node:util'
import { formatAcl, parseAcl } from '../../../lib/cli/acl.ts'
import { readHeader, readRecord } from '../../../lib/cli/export-file.ts'
import { glob } from '../../../lib/cli/glob.ts'
import { pathProblem } from '../../../lib/cli/paths.ts'
import { UsageError } from '../../../lib/cli/usage.ts'
import { parseConnectAddress } from '../../../lib/client/address.ts'
import { NodeData } from '../../../lib/client/values.ts'
import { isZkError } from '../../../lib/core/errors.ts'
import { validatePath } from '../../../lib/core/tree/path.ts'
import { formatQuota, parseQuota } from '../../../lib/core/tree/quota-text.ts'
import { schemeOf } from '../../../lib/peer/members.ts'
import { documentOf } from '../../../lib/recipes/config-document.ts'
import { readInstance } from '../../../lib/recipes/instance.ts'
import { buildUri, parseUriSpec } from '../../../lib/recipes/uri-spec.ts'
import { someStat } from '../../client/fakes.ts'
import { must, refusedWith } from '../target.ts'
import type { Target } from '../target.ts'

function nodeOf(bytes: Uint8Array): NodeData {
  return new NodeData(bytes, { ...someStat(), dataLength: bytes.length })
}

function refused(error: unknown, ...types: readonly (new (...args: never[]) => Error)[]): string {
  if (!types.some((type) => error instanceof type)) throw error
  return 'refused'
}

const PARSERS: readonly ((text: string, bytes: Uint8Array) => string)[] = [
  (text) => {
    const read = refusedWith(['AddressInvalid'], () => parseConnectAddress(text))
    if ('code' in read) return read.code
    const { servers, chroot } = read.value
    must(servers.length > 0 && servers.every((each) => /^(tcp|ws|wss):\/\/\S+$/.test(each)),
      `servers ${servers.join()}`)
    must(chroot === '' || validatePath(chroot), 'a chroot that is no path')
    const again = parseConnectAddress(`${servers.join(',').replace(/(?<=,)\w+:\/\//g, '')}${chroot}`)
    must(isDeepStrictEqual(again, read.value), 'it is another address when written out')
    return `${servers.length} ${chroot === ''}`
  },
  (text) => {
    let complaints = 0
    const list = parseAcl(text, () => { complaints += 1 })
    if (list.length === 0) return 'none'
    const again = parseAcl(list.map(formatAcl).join(','), () => must(false, 'its own form is complained of'))
    must(isDeepStrictEqual(again, list), 'it is another list when written out')
    return `acl ${complaints > 0}`
  },
  (text) => {
    const quota = parseQuota(text)
    must(isDeepStrictEqual(parseQuota(formatQuota(quota)), quota), 'it is another quota when written out')
    must(Object.values(quota).every((limit) => typeof limit === 'number' && !Number.isNaN(limit)), 'no numbers')
    return Object.keys(quota).join()
  },
  (_, bytes) => {
    const read = refusedWith(['ValueInvalid'], () => readInstance('/services/a/b', nodeOf(bytes)))
    if ('code' in read) return read.code
    const { value } = read
    must(typeof value.uri() === 'string' && typeof value.weight === 'number' && value.weight >= 0,
      'an instance that is none')
    must(!/function|\[object/.test(value.uri().replaceAll(value.name, '')) ||
      /function|\[object/.test(JSON.stringify(value)),
      'a uri that nobody wrote')
    const again = readInstance('/services/a/b', nodeOf(new TextEncoder().encode(JSON.stringify(value))))
    must(JSON.stringify(again) === JSON.stringify(value), 'it is another instance when stored again')
    return `${value.uriSpec === null} ${value.enabled} ${value.port === null}`
  },
  (text) => {
    try {
      const spec = parseUriSpec(text)
      must(typeof buildUri(spec, { scheme: 'http' }) === 'string', 'no uri')
      must(spec.parts.every(({ value }) => typeof value === 'string'), 'no parts')
      return String(Math.min(4, spec.parts.length))
    } catch (error) {
      return refused(error, TypeError)
    }
  },
  (_, bytes) => 'issues' in documentOf(nodeOf(bytes)) ? 'issues' : 'document',
  (text) => {
    try {
      const { path, acl } = readRecord(text, 2)
      must(typeof path === 'string' && acl.length > 0, 'a record that is none')
      return 'record'
    } catch (error) {
      return refused(error, UsageError)
    }
  },
  (text) => {
    try {
      return typeof readHeader(text)
    } catch (error) {
      return refused(error, UsageError)
    }
  },
  (text) => {
    const [pattern = '', name = ''] = text.split('\n')
    const found = glob(pattern)(name)
    must(pattern !== name || found || /[*?]/.test(pattern), 'a name does not match itself')
    return String(found)
  },
  (text) => {
    const isValid = validatePath(text)
    must(isValid === (pathProblem(text) === null), 'the shell and the tree differ on a path')
    return String(isValid)
  },
  (text) => {
    const read = refusedWith(['AddressInvalid'], () => schemeOf(text))
    return 'code' in read ? read.code : 'scheme'
  },
]

const SAMPLES: readonly (readonly [parser: number, text: string])[] = [
  [0, 'zk://h1:2181,h2,[::1]:2181/chroot'], [0, 'localhost'], [0, 'wss://a.example:443/x/y'], [1, 'world:anyone:cdrwa'],
  [1, 'digest:user:hash=:rw,ip:10.0.0.0/8:r'], [2, 'count=1,bytes=2=;byteHardLimit=3;countHardLimit=4'], [2,
    'count=5,bytes=-1'],
  [3, '{"name":"a","id":"b","address":"h","port":80,"sslPort":null,"payload":{"weight":2,"tags":{"z":"1"}},' +
    '"registrationTimeUTC":1,"serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true}]}}'],
  [4, '{scheme}://{address}:{port}/{[}x{]}'], [5, '{"a":{"b":[1,2]}}'],
  [6, '{"path":"a","data":"x","acl":[{"scheme":"world","id":"anyone","perms":"r"}],"ttlMs":5}'], [6,
    '{"path":"","base64":"AAE="}'],
  [7, '{"format":"vivarium-export","version":1,"root":"/a"}'], [8, 'a*b?[c]\nabbc'], [9, '/a/b..c/.d'], [10,
    'tcp://h:1'],
]

/** Small texts that come from outside: the first byte says of which kind. */
export const textsTarget: Target = {
  name: 'texts', about: 'connect strings, lists of access control, quotas, Curator\'s JSON, exports, patterns, paths',
  tokens: ['://', ',', ':', '/', '[', ']', '%', '=', ';', '{', '}', '"', 'null', '{}', '[]', '1e999', 'constructor',
    '"toString":', '"valueOf":',
    '"__proto__":', '"registrationTimeUTC":', '"uriSpec":', '"parts":', '"value":"constructor"', '"variable":true',
      '*', '?', '..', '.', '\\',
    'count=', 'bytes=', '"port":"', '\ufeff', '\u0000', '"payload":', '"weight":', '"perms":""', '"acl":', 'toString',
      'zk', 'constructor://'],
  seeds: () => SAMPLES.map(([parser, text]) => new TextEncoder().encode(`${String.fromCharCode(parser)}${text}`)),
  make: () => ({
    run(input) {
      const parser = (input[0] ?? 0) % PARSERS.length
      const bytes = input.subarray(1)
      try {
        return `${parser} ${PARSERS[parser]!(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), bytes)}`
      } catch (error) {
        if (isZkError(error)) throw new Error(`${error.code} is not documented`, { cause: error })
        throw error
      }
    },
  }),
}
