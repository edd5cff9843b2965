import { closeSync, openSync } from 'node:fs'
import { META, at, base, chunks, run } from '../../lib/testing/conformance/storage-fixtures.ts'
import { level } from '../../storage/level.ts'

/** Writes while the process has no descriptor left, for longer than the marker may be old, and after that. */
const say = (text: string): void => void process.stdout.write(`${text}\n`)
let isRefused = false
const warn = (): void => { isRefused = true }
const none = (): void => undefined
const storage = level(process.argv[2] ?? '', { logger: { debug: none, info: none, warn, error: none } })
await storage.open()
let counter = 0

async function writeFor(ms: number): Promise<void> {
  const end = Date.now() + ms
  while (Date.now() < end) {
    counter += 1
    await storage.write({ entries: run(counter, counter) })
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  say('written')
}

try {
  await storage.write({ meta: META })
  say('open')
  const opened: number[] = []
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'))
  } catch {
    say('no more files')
  }
  counter += 1
  await storage.write({ entries: run(counter, counter), chunks: chunks(1, 1) })
  await storage.write({ install: base(1, at(counter), 1) })
  say(isRefused ? 'no snapshot' : 'a snapshot')
  await writeFor(1_500)
  for (const fd of opened) closeSync(fd)
  say('room again')
  await writeFor(1_500)
} catch (error) {
  say(String((error as Error).message))
}
await storage.close()
say('closed')
