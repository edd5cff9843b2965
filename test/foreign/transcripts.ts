/** What two kinds of servers make one shell print, line by line. */

/** What was printed for one command, normalised. */
export interface Exchange {
  readonly command: string
  readonly lines: readonly string[]
}

/** A difference that is meant. */
export interface MeantDifference {
  readonly reason: string
  readonly applies: (command: string, apache: readonly string[], ours: readonly string[]) => boolean
}

/** The result of a comparison. */
export interface Count {
  readonly passed: number
  readonly failed: number
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** Compares what Apache ZooKeeper's servers made the shell print with what ours did, and tells of every difference. */
export function compareTranscripts(
  apache: readonly Exchange[], ours: readonly Exchange[], meant: readonly MeantDifference[],
): Count {
  let passed = 0
  let failed = 0
  for (let i = 0; i < Math.max(apache.length, ours.length); i += 1) {
    const left = apache[i]
    const right = ours[i]
    const command = left?.command ?? right?.command ?? ''
    const [theirs, own] = [left?.lines ?? [], right?.lines ?? []]
    if (left !== undefined && right !== undefined && theirs.join('\n') === own.join('\n')) {
      passed += 1
      continue
    }
    const known = meant.find(({ applies }) => applies(command, theirs, own))
    if (known === undefined) {
      failed += 1
      print([`NOT EQUAL ${command}`, '  Apache ZooKeeper:', ...theirs.map((line) => `    ${line}`), '  vivarium:',
        ...own.map((line) => `    ${line}`)].join('\n'))
    } else {
      passed += 1
      print(`known difference, ${command}: ${known.reason}`)
    }
  }
  return { passed, failed }
}

/** Sorts the items of lines such as `[b, a]`: nobody promises their order. */
export function sortList(line: string): string {
  const match = /^(.*\[)([^[\]]*)(\].*)$/.exec(line)
  return match === null ? line : `${match[1]}${match[2]!.split(', ').toSorted().join(', ')}${match[3]}`
}
