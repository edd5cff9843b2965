import { runTransportCases } from '../../lib/testing/conformance/transport.ts'
import type { RegisterTest } from '../../lib/testing/conformance/transport.ts'
import { chopped, coalesced } from '../../lib/testing/decorated-transports.ts'
import type { Transport } from '../../lib/ports/transport.ts'
import { suite } from '../harness.ts'
import { PLACES } from './places.ts'

const DECORATIONS: Readonly<Record<string, (transport: Transport) => Transport>> = {
  plain: (transport) => transport,
  chopped: (transport) => chopped(transport),
  coalesced: (transport) => coalesced(transport),
}

for (const [adapter, make] of Object.entries(PLACES)) {
  for (const [decoration, decorate] of Object.entries(DECORATIONS)) {
    const test = suite(`transport conformance: ${adapter}, ${decoration}`)
    const register: RegisterTest = (name, body) => test(name, () => body(), { timeoutMs: 30_000 })
    const skipped = (name: string, reason: string): void => void process.stdout.write(`left out: ${name}: ${reason}\n`)
    runTransportCases(register, async () => {
      const place = await make()
      return { ...place, transport: decorate(place.transport) }
    }, { skipped })
    test.run()
  }
}
