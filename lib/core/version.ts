/** Version of this package, as its manifest has it. */
export const VERSION = '0.1.0'

/** When this version was made, in ms since 1970. */
export const RELEASED_MS = 1_795_392_000_000
