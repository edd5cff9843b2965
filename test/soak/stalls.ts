/** How often it is looked, and how late a look may be, in ms. */
const LOOK_MS = 250
const LATE_MS = 1_000

/** Tells whenever this process stood still, or was given no processor, for longer than a second. */
export function tellStalls(tell: (text: string) => void): NodeJS.Timeout {
  let lastMs = performance.now()
  return setInterval(() => {
    const nowMs = performance.now()
    const lateMs = nowMs - lastMs - LOOK_MS
    lastMs = nowMs
    if (lateMs >= LATE_MS) tell(`stood still for ${Math.round(lateMs)} ms`)
  }, LOOK_MS).unref()
}
