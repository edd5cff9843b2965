/** Beside its characters a path in a txn costs at most so many bytes. */
const HEADER_BYTES = 5

/** Ephemerals of one session, and the bytes they take in its closing txn. */
export class OwnedPaths {
  readonly paths: Set<string> = new Set()
  bytes = 0

  add(path: string): void {
    this.paths.add(path)
    this.bytes += bytesOfPath(path)
  }

  delete(path: string): void {
    if (this.paths.delete(path)) this.bytes -= bytesOfPath(path)
  }
}

/** Bytes of a path in a txn, in UTF-8; a path holds no surrogates. */
export function bytesOfPath(path: string): number {
  let bytes = HEADER_BYTES
  for (let at = 0; at < path.length; at++) {
    const unit = path.charCodeAt(at)
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
  }
  return bytes
}
