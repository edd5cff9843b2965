/** Code with error paths, of which running this file takes every second one. */
class Refusal extends Error {}

function refuse(isWanted: boolean): void {
  if (isWanted) throw new Refusal('wanted')
  if (!isWanted) return
  throw new Refusal('never')
}

function read(text: string): string | null {
  if (text === '') return null
  return text.length > 100 ? null : text
}

function readLong(text: string): string | null {
  if (text.length > 100) return null
  return text
}

async function handled(work: Promise<void>): Promise<unknown> {
  return await work.then(() => null, (error: unknown) => {
    return error
  })
}

async function neverHandled(work: Promise<void>): Promise<unknown> {
  return await work.catch((error: unknown) => error)
}

function fails(how: 'rejecting' | 'failing'): Promise<void> {
  return how === 'rejecting' ? Promise.reject(new Refusal(how)) : fail(how)
}

function fail(how: string): Promise<void> {
  return Promise.resolve(void how)
}

try {
  refuse(true)
} catch (error) {
  if (!(error instanceof Refusal)) throw error
}
try {
  refuse(false)
} catch {
  process.exitCode = 1
}
read('')
readLong('')
await handled(fails('rejecting'))
await neverHandled(Promise.resolve())
