import { Perm } from '../core/tree/request.ts'
import type { Acl } from '../core/tree/request.ts'

const LETTERS: readonly (readonly [letter: string, bit: number])[] = [
  ['c', Perm.create], ['d', Perm.delete], ['r', Perm.read], ['w', Perm.write], ['a', Perm.admin],
]

/**
 * Reads `scheme:id:perms,...`; the id may contain colons. What has no such form is left out and complained of, as zkCli
 * does: when nothing remains the server refuses the list.
 */
export function parseAcl(text: string, complain: (line: string) => void): Acl[] {
  const list: Acl[] = []
  for (const entry of text.split(',')) {
    const first = entry.indexOf(':')
    const last = entry.lastIndexOf(':')
    if (first === last) {
      complain(`${entry} does not have the form scheme:id:perm`)
      continue
    }
    let perms = 0
    for (const letter of entry.slice(last + 1)) {
      const bit = LETTERS.find(([known]) => known === letter)?.[1]
      if (bit === undefined) complain(`Unknown perm type: ${letter}`)
      perms |= bit ?? 0
    }
    list.push({ scheme: entry.slice(0, first), id: entry.slice(first + 1, last), perms })
  }
  return list
}

/** The letters of the permissions in zkCli's order. */
export function formatPerms(perms: number): string {
  return LETTERS.map(([letter, bit]) => ((perms & bit) === 0 ? '' : letter)).join('')
}

/** One entry in the form that `parseAcl` reads. */
export function formatAcl({ scheme, id, perms }: Acl): string {
  return `${scheme}:${id}:${formatPerms(perms)}`
}
