import {
  TRANSPORT_FLAWS, runTransportCase, sabotagedTransport, transportCases,
} from '../../lib/testing/conformance/transport.ts'
import type { TransportFlaw } from '../../lib/testing/conformance/transport.ts'
import { memory } from '../../transports/memory.ts'
import { assert, suite } from '../harness.ts'

const test = suite('transport sabotage')

async function notices(name: string, flaw: TransportFlaw | null): Promise<boolean> {
  const one = transportCases.find((each) => each.name === name)
  assert.ok(one !== undefined, `no case "${name}"`)
  const place = {
    transport: sabotagedTransport(memory(), flaw), address: 'memory://', nowhere: 'memory://nobody',
    malformed: 'memory://a/b',
  }
  // A case that waits for what never comes has noticed, too.
  return await runTransportCase(one!, place, flaw === null ? 20_000 : 1_000).then(() => false, () => true)
}

test('the sabotaged transport without a bug passes every case', async () => {
  for (const { name } of transportCases) assert.is(await notices(name, null), false, name)
}, { timeoutMs: 60_000 })

for (const [flaw, expected] of Object.entries(TRANSPORT_FLAWS)) {
  test(`a transport that ${flaw} is caught`, async () => {
    assert.ok(await notices(expected, flaw as TransportFlaw), `"${expected}" did not notice`)
  })
}

test.run()
