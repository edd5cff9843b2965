/** What failed in a run, told once more at its end: there it is looked for, and whoever cuts long output leaves it. */

/** As uvu, pytest and the programs of test/foreign tell of a case that failed. */
const BEGIN = /^\s*(?:FAIL|FAILED|FAULT|NOT EQUAL) |^ERROR \S+::/
/** What uvu prints under all of them. */
const END = /^\s+Total:/
/** Of one case, and of cases. */
const MOST_LINES = 12
const MOST_CASES = 40

/** Tells of a case that failed so that it is found here; with what caused the error, if it says so. */
export function tellFailure(name: string, error: unknown): string {
  const { stack = String(error), cause = null } = error instanceof Error ? error : {}
  const why = cause instanceof Error ? `${stack}\ncaused by ${cause.stack ?? cause.message}` : stack
  return `FAIL ${name}: ${why.replaceAll('\n', '\n    ')}`
}

/** The cases that failed, by what was printed: each a line that says so, and the indented lines under it. */
export function failuresIn(output: string): string[] {
  const all: string[][] = []
  let isOpen = false
  for (const line of output.split('\n')) {
    if (BEGIN.test(line)) all.push([])
    isOpen = BEGIN.test(line) || (isOpen && /^(\s|$)/.test(line) && !END.test(line))
    const last = all.at(-1)
    if (isOpen && last !== undefined && line.trim() !== '' && last.length < MOST_LINES) last.push(line.trimEnd())
  }
  return all.map(([first = '', ...more]) => [first.trim(), ...more].join('\n'))
}

/** The end of the output but for its last line; `failures` begin with the place where each was. Empty without any. */
export function listOf(failures: readonly string[]): string {
  if (failures.length === 0) return ''
  const more = failures.length - MOST_CASES
  const shown = [...failures.slice(0, MOST_CASES), ...more > 0 ? [`and ${more} more`] : []]
  // .ci/run reads this line.
  return ['what failed:', ...shown.map((text) => text.replace(/^/gm, '  ')), ''].join('\n')
}
