import type { Identity } from '../core/tree/request.ts'

/**
 * The identities that ZooKeeper's `digest` scheme gives for `user:password`: the user with the base64 SHA-1 of the
 * whole, and super when that is the configured super digest. It never fails: any bytes name somebody.
 */
export async function digestIdentities(auth: Uint8Array, superDigest?: string): Promise<readonly Identity[]> {
  const id = await digestOf(auth)
  const own = { scheme: 'digest', id }
  return superDigest !== undefined && id === superDigest ? [{ scheme: 'super', id: '' }, own] : [own]
}

/** `user:base64(sha1(user:password))`, as it stands in access-control lists. */
export async function digestOf(auth: Uint8Array): Promise<string> {
  const user = new TextDecoder().decode(auth).split(':', 1)[0] ?? ''
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-1', new Uint8Array(auth)))
  return `${user}:${btoa(String.fromCharCode(...hash))}`
}
