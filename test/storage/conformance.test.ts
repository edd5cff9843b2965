import { runStorageCases } from '../../lib/testing/conformance/storage.ts'
import type { RegisterTest } from '../../lib/testing/conformance/storage.ts'
import { suite } from '../harness.ts'
import { filelessPlace, levelPlace, memoryPlace } from './places.ts'

const places = { memory: memoryPlace, level: levelPlace, 'level without files': filelessPlace } as const

for (const [name, make] of Object.entries(places)) {
  for (const reopening of [false, true]) {
    const title = `storage conformance: ${name}${reopening ? ', reopened after every write' : ''}`
    const test = suite(title)
    const register: RegisterTest = (title, body) => test(title, () => body(), { timeoutMs: 30_000 })
    const skipped = (left: string, reason: string): void => void process.stdout.write(`left out: ${left}: ${reason}\n`)
    runStorageCases(register, make, { reopening, skipped })
    test.run()
  }
}
