/** A number as Java prints a double: never without a fraction, with an exponent outside 0.001 to 10,000,000. */
export function doubleText(value: number): string {
  const size = Math.abs(value)
  if (value === 0 || (size >= 1e-3 && size < 1e7)) return Number.isInteger(value) ? `${value}.0` : String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  const [digits = '0', exponent = '0'] = value.toExponential().split('e')
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}

/** A mean as ZooKeeper shows it: four decimals, half up. */
export function meanText(value: number): string {
  return doubleText(Math.round(value * 1e4) / 1e4)
}

/** A 64-bit number in hexadecimal, -1 being all ones. */
export function hexText(value: number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`
}

/** Wall time as Java prints a date, in UTC: `Mon Nov 23 16:19:19 UTC 2026`. */
export function dateText(wallMs: number): string {
  const [day = '', date = '', month = '', year = '', time = ''] = new Date(wallMs).toUTCString().split(' ')
  return `${day.slice(0, 3)} ${month} ${date} ${time} UTC ${year}`
}

/** Whole milliseconds. */
export function wholeText(ms: number): string {
  return String(Math.floor(ms))
}
