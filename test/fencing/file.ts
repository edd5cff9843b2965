import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** What the counter file holds, as JSON. */
export interface Content {
  /** The greatest token that was shown; empty at first. A `Token` as text, which sorts as tokens do. */
  readonly token: string
  readonly count: number
}

/**
 * A counter in a file, for whoever holds a lock: it refuses every token older than the greatest that it was shown.
 * Reading shows one as well: what was read with a token cannot be spoilt by an older one afterwards. One process serves
 * it, so nothing comes between the look at the token and the rename.
 */
export class FencedFile {
  readonly #path: string
  readonly #isFenced: boolean

  /** `isFenced` false: takes every token, to see what becomes of the count then. */
  constructor(path: string, isFenced = true) {
    this.#path = path
    this.#isFenced = isFenced
    this.#put({ token: '', count: 0 })
  }

  get content(): Content {
    return JSON.parse(readFileSync(this.#path, 'utf8')) as Content
  }

  /** The count, or null when the token is too old. */
  read(token: string): number | null {
    const { token: newest, count } = this.content
    if (this.#isLate(token, newest)) return null
    if (token !== newest) this.#put({ token, count })
    return count
  }

  /** False when the token is too old: the file is as it was. */
  write(token: string, count: number): boolean {
    if (this.#isLate(token, this.content.token)) return false
    this.#put({ token, count })
    return true
  }

  #isLate(token: string, newest: string): boolean {
    if (newest !== '' && ensembleOf(token) !== ensembleOf(newest)) throw new Error(`${token} after ${newest}`)
    return this.#isFenced && token < newest
  }

  #put(content: Content): void {
    const fresh = `${this.#path}.fresh`
    writeFileSync(fresh, JSON.stringify(content))
    renameSync(fresh, this.#path)
  }
}

function ensembleOf(token: string): string {
  return token.slice(token.indexOf('@'))
}
