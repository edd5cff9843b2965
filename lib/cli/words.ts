import { UsageError } from './usage.ts'

/**
 * The words of a line as a shell reads them: white space separates, quotes of both kinds hold together, a backslash
 * takes the next character as it is (not within single quotes).
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!
    if (char === '\\' && quote !== "'") {
      if (++i === line.length) throw new UsageError('the line ends with a backslash')
      word = (word ?? '') + line[i]!
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else word += char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      word = (word ?? '') + char
    }
  }
  if (quote !== '') throw new UsageError(`a ${quote} is not closed`)
  if (word !== null) words.push(word)
  return words
}
