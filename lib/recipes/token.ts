import type { Client } from '../client/client.ts'
import { isZkError } from '../core/errors.ts'
import { retried } from './pause.ts'
import { uniqueId } from './unique-id.ts'

/** Holds the name of the tree, made once by whoever needs it first. */
const NAME_PATH = '/vivarium.ensemble'

/**
 * Fencing token: of two holders of one lock the later has the greater. It is the czxid of the node that holds, so it
 * rises for as long as the ensemble's data lives; `ensemble` changes when the data begins anew, and tokens of different
 * ensembles say nothing about each other. Storage that keeps the greatest token it saw can refuse whoever is late.
 */
export class Token {
  /** Name of the tree as the client sees it (below its chroot); empty where it could not be written. */
  readonly ensemble: string
  readonly zxid: number

  constructor(ensemble: string, zxid: number) {
    this.ensemble = ensemble
    this.zxid = zxid
  }

  /** Tokens of one ensemble compare as numbers: `mine > theirs`. */
  valueOf(): number {
    return this.zxid
  }

  /** True when this one was given later. Throws TypeError for the token of another ensemble. */
  isNewerThan(other: Token): boolean {
    if (other.ensemble !== this.ensemble) throw new TypeError('tokens of different ensembles cannot be compared')
    return this.zxid > other.zxid
  }

  /** 16 hex digits, which sort as the tokens do, and the ensemble. */
  toString(): string {
    return `${this.zxid.toString(16).padStart(16, '0')}@${this.ensemble}`
  }
}

/**
 * The name of the tree that this client sees, which it gets now if it has none; empty where that is not permitted.
 * Errors: SessionExpired, Closed.
 */
export function ensembleName(zk: Client): Promise<string> {
  return retried(zk, undefined, async () => {
    try {
      for (;;) {
        const name = await nameThere(zk)
        if (name !== null) return name
        await zk.create(NAME_PATH, uniqueId(zk)).catch((error: unknown) => {
          if (!isZkError(error, 'NodeExists')) throw error
        })
      }
    } catch (error) {
      return unnamed(error)
    }
  })
}

async function nameThere(zk: Client): Promise<string | null> {
  try {
    return (await zk.get(NAME_PATH)).text()
  } catch (error) {
    if (isZkError(error, 'NoNode')) return null
    throw error
  }
}

function unnamed(error: unknown): string {
  if (isZkError(error, 'NoAuth') || isZkError(error, 'NoNode') || isZkError(error, 'QuotaExceeded')) return ''
  throw error
}
