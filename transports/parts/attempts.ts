/**
 * Of a name that has several addresses Node tries one after the other, and gives each but the last so long to answer.
 * Its own 250 ms are less than the way around the world and back; with more, few of those that are dead fit the time
 * that a dial has.
 */
export const ATTEMPT_MS = 500
