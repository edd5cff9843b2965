/** What a client claims to be, on each of its connections. */
export interface Credential {
  readonly scheme: string
  readonly auth: Uint8Array
}

/** They claim the same. */
export function isSame(one: Credential, other: Credential): boolean {
  return one.scheme === other.scheme && one.auth.length === other.auth.length &&
    one.auth.every((byte, index) => byte === other.auth[index])
}
