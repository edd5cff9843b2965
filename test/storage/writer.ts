import { level } from '../../storage/level.ts'
import { META, run } from '../../lib/testing/conformance/storage-fixtures.ts'

/**
 * Writes until it is killed: batches of five entries, several in flight, and prints the last counter of each batch that
 * was acknowledged. Arguments: folder, first counter, bytes of a txn.
 */
const [folder = '', start = '1', bytes = '100'] = process.argv.slice(2)
const storage = level(folder)
await storage.open()
process.stdout.write('open\n')
let from = Number(start)
const next = (): Promise<void> => {
  const last = from + 4
  const entries = run(from, last, Number(bytes))
  from = last + 1
  return storage.write({ entries, meta: { ...META, commitHint: entries[0]!.zxid } }).then(
    () => void process.stdout.write(`${last}\n`),
    (error: unknown) => {
      process.stdout.write(`failed ${(error as { code?: string }).code}\n`)
      throw error
    })
}
const lane = async (): Promise<never> => {
  for (;;) await next()
}
const outcome = await Promise.race(Array.from({ length: 8 }, lane)).catch(() => 'failed')
// Reached only by a failure. The process lives on, and later writes fail too.
const later = await storage.write({ meta: META }).then(() => 'accepted', (error: { code?: string }) => error.code)
process.stdout.write(`${outcome} later ${later}\n`)
await storage.close()
process.stdout.write('closed\n')
