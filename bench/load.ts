/**
 * Keeps `depth` operations in flight for so many seconds, or until `most` were begun; answers operations per second.
 */
export function pipelined(
  operation: () => Promise<unknown>, depth: number, seconds: number, most: number = Infinity,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now()
    const endMs = startedMs + seconds * 1_000
    let begun = 0
    let done = 0
    const settled = (): void => {
      done++
      if ((done & 0xff) === 0 && performance.now() >= endMs) most = begun
      if (begun < most) begin()
      else if (done === begun) resolve(done / (performance.now() - startedMs) * 1_000)
    }
    const begin = (): void => {
      begun++
      operation().then(settled, reject)
    }
    for (let i = 0; i < depth && begun < most; i++) begin()
  })
}
