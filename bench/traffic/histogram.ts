/** Below so many microseconds each has a bucket of its own. */
const EXACT = 2_048
/** Above it every power of two is cut into so many buckets: what is told is at most 0.1 % too small. */
const PER_OCTAVE = EXACT / 2
const OCTAVES = 20

/** Counts latencies in buckets; recording one costs a few nanoseconds and no memory. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(EXACT + OCTAVES * PER_OCTAVE)
  count = 0
  maxUs = 0

  record(us: number): void {
    const whole = us <= 0 ? 0 : us >= 2 ** 31 ? 2 ** 31 - 1 : Math.floor(us)
    this.count++
    if (whole > this.maxUs) this.maxUs = whole
    this.#counts[bucketOf(whole)]!++
  }

  /** The latency that this share of all did not exceed, in microseconds; 0 when there was none. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share))
    let seen = 0
    for (let at = 0; at < this.#counts.length; at++) {
      seen += this.#counts[at]!
      if (seen >= wanted) return lowest(at)
    }
    return 0
  }
}

function bucketOf(us: number): number {
  if (us < EXACT) return us
  const octave = 31 - Math.clz32(us) - 11
  return EXACT + octave * PER_OCTAVE + (us >>> (octave + 1)) - PER_OCTAVE
}

/** The smallest latency of a bucket. */
function lowest(at: number): number {
  if (at < EXACT) return at
  const octave = Math.floor((at - EXACT) / PER_OCTAVE)
  return (PER_OCTAVE + (at - EXACT) % PER_OCTAVE) * 2 ** (octave + 1)
}
