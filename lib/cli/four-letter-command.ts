import { connect } from 'node:net'
import { WORD_WITH_ARGUMENT } from '../peer/words/words.ts'
import { FOUR_LETTER_HELP, UsageError } from './usage.ts'

const TIMEOUT_MS = 5_000
const DEFAULT_PORT = 2181

/** `vivarium 4lw`: asks a server one word. */
export const FourLetterCommand = {
  async run(args: readonly string[]): Promise<number> {
    if (args.includes('--help') || args.includes('-h')) {
      process.stdout.write(FOUR_LETTER_HELP)
      return 0
    }
    const [word, address, ...more] = args
    if (word === undefined || address === undefined || more.length > 0) {
      throw new UsageError('4lw takes WORD HOST:PORT (vivarium 4lw --help)')
    }
    if (!/^[a-z]{4}$/.test(word)) throw new UsageError(`a word has four letters, not ${word}`)
    if (word === WORD_WITH_ARGUMENT) throw new UsageError(`${word} comes with a mask, which this command does not send`)
    const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/\s]+))(?::(\d{1,5}))?$/.exec(address)
    const port = Number(match?.[3] ?? DEFAULT_PORT)
    if (match === null || port < 1 || port > 65_535) throw new UsageError(`not of the form host:port: ${address}`)
    const answer = await ask(word, match[1] ?? match[2]!, port)
    // There may be no digest yet; every other word is answered with something.
    if (answer === '' && word !== 'hash') throw new UsageError(`${address} closed the connection without an answer`)
    process.stdout.write(answer === '' || answer.endsWith('\n') ? answer : `${answer}\n`)
    return 0
  },
}

function ask(word: string, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const chunks: Buffer[] = []
    const fail = (reason: string): void => {
      socket.destroy()
      reject(new UsageError(`no answer from ${host}:${port}: ${reason}`))
    }
    socket.setTimeout(TIMEOUT_MS, () => fail(`nothing came for ${TIMEOUT_MS / 1_000} s`))
    socket.once('connect', () => socket.write(word))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.once('error', (error) => fail(error.message))
    socket.once('end', () => {
      socket.destroy()
      resolve(Buffer.concat(chunks).toString())
    })
  })
}
