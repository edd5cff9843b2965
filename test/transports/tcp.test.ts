import { networkInterfaces } from 'node:os'
import { LinkProbe } from '../../lib/testing/conformance/link-probe.ts'
import { tcp } from '../../transports/tcp.ts'
import { assert, rejects, suite } from '../harness.ts'
import { freePort } from './places.ts'

const test = suite('tcp')

test('the host that is named is bound, and no other; IPv6 stands in brackets', async (t) => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
  if (!hasIpv6) {
    await rejects(tcp().listen!('tcp://[::1]:0', () => undefined), 'AddressInvalid')
    return
  }
  const links: LinkProbe[] = []
  const listener = await tcp().listen!('tcp://[::1]:0', (link) => void links.push(new LinkProbe(link).attach()))
  t.defer(() => listener.close())
  assert.match(listener.address, /^tcp:\/\/\[::1\]:\d+$/)
  const here = new LinkProbe(await tcp().dial(listener.address)).attach()
  here.send(Uint8Array.of(1))
  await links[0]!.received(1)
  assert.match(links[0]!.link.remote, /^tcp:\/\/\[::1\]:\d+$/)
  const { port } = new URL(listener.address)
  const error = await tcp().dial(`tcp://127.0.0.1:${port}`).then(() => null, (thrown: unknown) => thrown)
  assert.match(String(error), /cannot reach/)
  here.close()
  await Promise.all([here.closed(), links[0]!.closed()])
})

test('what is no address is refused with its text', async () => {
  for (const address of [
    'tcp://', 'tcp://host', 'tcp://host:', 'tcp://host:70000', 'tcp://host:1/path', 'tcp://a b:1', 'http://host:1',
    'tcp://::1:80', 'tcp://user@host:1:2', '',
  ]) {
    for (const attempt of [() => tcp().dial(address), () => tcp().listen!(address, () => undefined)]) {
      const error = await attempt().then(() => null, (thrown: unknown) => thrown)
      assert.is((error as { code?: string } | null)?.code, 'AddressInvalid', address)
      assert.ok((error as Error).message.includes(address))
    }
  }
})

test('an address of another machine cannot be listened at', async () => {
  const error = await tcp().listen!(`tcp://192.0.2.1:${await freePort()}`, () => undefined)
    .then(() => null, (thrown: unknown) => thrown)
  assert.is((error as { code?: string } | null)?.code, 'AddressInvalid')
})

test('a peer that does not read is cut when the link is closed', async (t) => {
  let accept: (probe: LinkProbe) => void = () => undefined
  const accepted = new Promise<LinkProbe>((resolve) => { accept = resolve })
  const listener = await tcp().listen!('tcp://127.0.0.1:0', (link) => accept(new LinkProbe(link).attach()))
  t.defer(() => listener.close())
  const here = new LinkProbe(await tcp({ closeMs: 50 }).dial(listener.address)).attach()
  here.send(Uint8Array.of(1))
  const there = await accepted
  await there.received(1)
  there.link.pause()
  while (here.send(new Uint8Array(65_536)));
  here.close()
  await here.closed()
  there.link.abort()
  await there.closed()
})

test.run()
