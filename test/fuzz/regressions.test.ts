/** Inputs on which something broke once, as the fuzzer or a look at its targets found them. */
import { isZkError } from '../../lib/core/errors.ts'
import { ZXID_ZERO } from '../../lib/core/zxid.ts'
import { parseConnectAddress } from '../../lib/client/address.ts'
import { NodeData } from '../../lib/client/values.ts'
import { glob } from '../../lib/cli/glob.ts'
import { UsageError } from '../../lib/cli/usage.ts'
import { parseZooConfig } from '../../lib/cli/zoo-config.ts'
import { documentOf, frozen } from '../../lib/recipes/config-document.ts'
import { readInstance } from '../../lib/recipes/instance.ts'
import { Packing } from '../../lib/wire/pack.ts'
import { PeerCodec } from '../../lib/wire/peer-protocol.ts'
import { parseState } from '../../storage/level/earlier.ts'
import { nativeChecksum } from '../../storage/level/records.ts'
import { packRecord, unpackCircumstances, unpackRecord } from '../../storage/level/state.ts'
import { packEntries, unpackEntries } from '../../storage/parts/entries.ts'
import { someStat } from '../client/fakes.ts'
import { World } from '../core/cluster.ts'
import { assert, suite } from '../harness.ts'
import { snapshotFilesTarget } from './targets/snapshot-files.ts'
import { someEntries } from './targets/storage-records.ts'

const test = suite('fuzz regressions')

const isBad = (error: unknown): boolean => isZkError(error, 'BadFrame')
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Arrays that name each other: written out, each level has `width` times as many elements as the one before. */
function laughs(levels: number, width: number): Uint8Array {
  const reference = (kind: number, id: number): number[] => [0xd6, kind, 0, 0, 0, id]
  const bytes = [0x90 + levels, ...reference(0x69, 1), 0x90 + width, ...Array.from({ length: width }, () => 1)]
  for (let id = 2; id <= levels; id++) {
    bytes.push(...reference(0x69, id), 0x90 + width)
    for (let count = 0; count < width; count++) bytes.push(...reference(0x70, id - 1))
  }
  return Uint8Array.from([...bytes, 0])
}

test('a frame of 160 bytes whose parts name each other is refused before it is unfolded', () => {
  // Four levels take a moment; six of fifteen took minutes, and half a gigabyte.
  const { cause } = refusal(() => new Packing(0).unpack(laughs(4, 4)))
  assert.match(String(cause), /disabled/)
})

test('what follows a packed value is not written out to say so', () => {
  const large = new Packing(0).pack([new Uint8Array(2_000)])
  const { cause, message } = refusal(() => new Packing(0).unpack(Uint8Array.from([...large, 0])))
  assert.ok(!/"0":0/.test(String(cause) + message), String(cause))
})

function refusal(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    if (isBad(error)) return error as Error
    throw error
  }
  throw new Error('it was taken')
}

test('a peer cannot ask for a session that no peer could read from the log', () => {
  const codec = new PeerCodec()
  const ask = (timeoutMs: number, bytes: number): void => {
    const frame = codec.encode([{
      kind: 'forward', join: 1, requests: [{
        tag: 1, session: '0x0' as never, cxid: 0,
        body: { kind: 'createSession', timeoutMs, password: new Uint8Array(bytes) },
      }],
    }])
    codec.decode(frame.subarray(4), [])
  }
  ask(1, 16)
  for (const [timeoutMs, bytes] of [[0, 16], [-1, 16], [5_000, 15], [5_000, 17]] as const) {
    assert.throws(() => ask(timeoutMs, bytes), isBad)
  }
})

test('a voter that claims to have promised the last epoch stops nobody', () => {
  const world = new World({ voters: 3 })
  world.up(1, 2, 3)
  world.advance(2_000)
  world.crash(world.leader!.config.peerId)
  const [one, other] = [...world.nodes.values()].filter(({ replica }) => replica !== null).map(({ id }) => id)
  for (const to of [one!, other!]) {
    const from = to === one ? other! : one!
    world.inject(from, to, { kind: 'followerInfo', join: 5, role: 'voter', acceptedEpoch: 2 ** 21 - 1, health: 'ok' })
  }
  world.advance(5_000)
  assert.ok(world.leader !== undefined)
})

test('a group whose first entry follows no zxid is none', () => {
  const packed = packEntries(someEntries(2, [3]))
  const view = new DataView(packed.buffer)
  for (const before of [NaN, -1, 0.5, -Infinity]) {
    view.setFloat64(4, before, true)
    assert.is(unpackEntries(packed), null, String(before))
  }
  view.setFloat64(4, ZXID_ZERO, true)
  assert.is(unpackEntries(packed)?.length, 2)
})

test('a record that says nothing of the storage is refused', () => {
  for (const text of ['', 'no JSON', 'null', '[]', '{}', '{"voids":[]}', '{"sequence":-1}']) {
    assert.is(unpackCircumstances(utf8(text)), null, text)
    assert.is(parseState(text), null, text)
  }
  const draft = packRecord({ first: 1, begin: 0, end: 0, cut: Infinity }, utf8('{}'), [])
  const payload = new Uint8Array(draft.bytes)
  draft.pack(payload)
  assert.ok(unpackRecord({ sequence: 1, payload }) !== null)
  for (const [at, value] of [[0, NaN], [0, 2], [8, -1], [16, 0.5], [24, NaN]] as const) {
    const altered = payload.slice()
    new DataView(altered.buffer).setFloat64(at, value, true)
    assert.is(unpackRecord({ sequence: 1, payload: altered }), null, `${value} at ${at}`)
  }
})

test('a key of zoo.cfg may be called as what every object has', () => {
  for (const key of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    const { warnings } = parseZooConfig(`dataDir=/d\n${key}=1`, () => { throw new UsageError('no file') })
    assert.equal(warnings, [`${key}=1 is not honoured`])
  }
})

test('an address whose scheme is called as what every object has is refused', () => {
  assert.throws(() => parseConnectAddress('constructor://h:1'), (error: unknown) => isZkError(error, 'AddressInvalid'))
})

test('an instance of a service is refused or read, whatever its time is', () => {
  const read = (text: string): ReturnType<typeof readInstance> =>
    readInstance('/s/a/b', new NodeData(utf8(text), someStat()))
  assert.is(read('{"registrationTimeUTC":{"toString":1,"valueOf":1}}').registrationTimeUTC, 0)
  const spec = '{"uriSpec":{"parts":[{"value":"constructor","variable":true},{"value":"__proto__","variable":true}]}}'
  assert.is(read(spec).uri(), '')
})

test('a configuration that is nested without end is refused like any other that cannot be used', () => {
  const nested = (levels: number): NodeData =>
    new NodeData(utf8(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`), { ...someStat(), dataLength: 1 })
  const usual = documentOf(nested(200))
  assert.ok('value' in usual && usual.value !== undefined)
  frozen(structuredClone(usual.value))
  // As deep as a node of a megabyte can be: freezing or copying it overflowed the stack, where nobody could catch it.
  assert.match(documentOf(nested(500_000)).issues?.[0]?.message ?? '', /nested/)
})

test('a pattern takes a time that grows with its length, not with a power of it', () => {
  // With five stars and 120 letters it took more than four seconds, with these nobody would see the end.
  assert.not.ok(glob(`${'*a'.repeat(40)}b`)('a'.repeat(400)))
  const cases: readonly (readonly [pattern: string, name: string, isMatch: boolean])[] = [
    ['*', '', true], ['*', 'a\nb', true], ['', '', true], ['', 'a', false], ['?', 'a', true], ['?', '', false],
    ['a*b', 'ab', true], ['a*b', 'axxb', true], ['a*b', 'axxc', false], ['*b*', 'abc', true], ['a.c', 'abc', false],
    ['a?c', 'abc', true], ['*.*', 'ab', false], ['[a]', '[a]', true], ['**a', 'ba', true], ['a**', 'a', true],
    ['?', '\u{1f600}', true], ['*ab*ab', 'abab', true], ['*ab*ab', 'ab', false], ['a*a', 'a', false],
  ]
  for (const [pattern, name, isMatch] of cases) assert.is(glob(pattern)(name), isMatch, `${pattern} ${name}`)
})

test('the number of a chunk of a snapshot is read as it would be written: -0 is none', async () => {
  await snapshotFilesTarget.prepare!()
  const file = snapshotFilesTarget.seeds()[0]!.slice()
  const [frame, numbered] = [28, 40]
  const view = new DataView(file.buffer)
  const end = frame + 24 + view.getUint32(frame + 20, true)
  view.setFloat64(numbered, -0, true)
  view.setUint32(frame + 8, nativeChecksum()(file.subarray(numbered, end)), true)
  const runner = await snapshotFilesTarget.make()
  assert.is(await runner.run(file), '0 of it')
})

test.run()
