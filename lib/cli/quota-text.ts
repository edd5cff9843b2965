/** The limits of a subtree, or what is used of them; -1 is no limit. */
export interface Quota {
  readonly count: number
  readonly bytes: number
  readonly countHardLimit?: number
  readonly byteHardLimit?: number
}

/**
 * Reads `count=1,bytes=2=;byteHardLimit=3;countHardLimit=4`. The odd `=` makes very old readers overlook the hard
 * limits; what is missing is -1.
 */
export function parseQuota(text: string): Quota {
  const values = new Map<string, number>()
  for (const pair of text.split(/[,;]+/)) {
    const [name = '', value = ''] = pair.split('=')
    if (name !== '') values.set(name, value === '' ? -1 : Number(value))
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
  const hard = Object.entries({ byteHardLimit, countHardLimit }).filter(([, value]) => value !== undefined)
  const text = `count=${count},bytes=${bytes}`
  return hard.length === 0 ? text : `${text}=${hard.map(([name, value]) => `;${name}=${value}`).join('')}`
}
