/** Why something cannot be reached. A name that has several addresses fails at each, and says nothing of itself. */
export function reasonOf(error: Error): string {
  if (!(error instanceof AggregateError) || error.message !== '') return error.message
  return error.errors.map((each: unknown) => each instanceof Error ? each.message : String(each)).join(', ')
}
