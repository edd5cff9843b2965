import type { Identity } from '../core/tree/request.ts'
import { ZkError } from '../core/errors.ts'

/**
 * The identities that ZooKeeper's `digest` scheme gives for `user:password`: the user with the base64 SHA-1 of the
 * whole, and super when that is the configured super digest. Errors: AuthFailed.
 */
export async function digestIdentities(auth: Uint8Array, superDigest?: string): Promise<readonly Identity[]> {
  const id = await digestOf(auth)
  const own = { scheme: 'digest', id }
  return superDigest !== undefined && id === superDigest ? [{ scheme: 'super', id: '' }, own] : [own]
}

/** `user:base64(sha1(user:password))`, as it stands in access-control lists. Errors: AuthFailed. */
export async function digestOf(auth: Uint8Array): Promise<string> {
  const user = new TextDecoder().decode(auth).split(':', 1)[0] ?? ''
  if (!auth.includes(58)) throw new ZkError('AuthFailed', 'a digest identity has the form user:password')
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-1', new Uint8Array(auth)))
  return `${user}:${btoa(String.fromCharCode(...hash))}`
}
