/** The limits of a subtree, or what is used of them; -1 is no limit. */
export interface Quota {
  /** Nodes, the one that has the quota included. */
  readonly count: number
  /** Bytes of data. */
  readonly bytes: number
  /** In place of `count`, and enforced where the server enforces quotas. */
  readonly countHardLimit?: number
  /** In place of `bytes`, likewise. */
  readonly byteHardLimit?: number
}

/** The usual form, which every write below a quota reads and writes. */
const PLAIN = /^count=(-?\d+),bytes=(-?\d+)$/

/**
 * Reads `count=1,bytes=2=;byteHardLimit=3;countHardLimit=4`. The odd `=` makes very old readers overlook the hard
 * limits; what is missing or no number is -1.
 */
export function parseQuota(text: string): Quota {
  const plain = PLAIN.exec(text)
  if (plain !== null) return { count: Number(plain[1]), bytes: Number(plain[2]) }
  const values = new Map<string, number>()
  for (const pair of text.split(/[,;]+/)) {
    const [name = '', value = ''] = pair.split('=')
    if (name !== '') values.set(name, /^-?\d+$/.test(value) ? Number(value) : -1)
  }
  const optional = (name: 'countHardLimit' | 'byteHardLimit'): Partial<Quota> => {
    const value = values.get(name)
    return value === undefined ? {} : { [name]: value }
  }
  return {
    count: values.get('count') ?? -1, bytes: values.get('bytes') ?? -1,
    ...optional('byteHardLimit'), ...optional('countHardLimit'),
  }
}

/** The text that `parseQuota` reads, as ZooKeeper's own tools write it. */
export function formatQuota(quota: Quota): string {
  const { count, bytes, byteHardLimit, countHardLimit } = quota
  const text = `count=${count},bytes=${bytes}`
  if (byteHardLimit === undefined && countHardLimit === undefined) return text
  const hard = Object.entries({ byteHardLimit, countHardLimit }).filter(([, value]) => value !== undefined)
  return `${text}=${hard.map(([name, value]) => `;${name}=${value}`).join('')}`
}
