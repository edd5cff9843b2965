/** Where a peer or client tells what it does; silent unless the user injects one. `console` fits. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** Says nothing. */
export const SILENT: Logger = { debug: silent, info: silent, warn: silent, error: silent }

function silent(): void {
  // The default logger has nothing to say.
}
