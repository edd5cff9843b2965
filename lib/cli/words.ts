import { UsageError } from './usage.ts'

/**
 * The words of a line as zkCli reads them: white space separates, a word that begins with a quote goes to the next
 * quote of that kind, and everything else is taken as it is. So `set /config {"a": 1}` needs quotes around the data,
 * and `set /config {"a":1}` none.
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  const word = /\s*(?:"([^"]*)"|'([^']*)'|([^"'\s]\S*))/y
  const text = line.trimEnd()
  while (word.lastIndex < text.length) {
    const at = word.lastIndex
    const found = word.exec(text)
    if (found === null) throw new UsageError(`a ${text.slice(at).trimStart()[0]} is not closed`)
    words.push(found[1] ?? found[2] ?? found[3]!)
  }
  return words
}
