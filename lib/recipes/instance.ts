import { checkTypes } from '../client/options.ts'
import type { NodeData } from '../client/values.ts'
import { ZkError } from '../core/errors.ts'
import { buildUri, parseUriSpec, readUriSpec } from './uri-spec.ts'
import type { UriSpec } from './uri-spec.ts'

/** What an instance of a service says of itself. */
export interface InstanceOptions<P = unknown> {
  /** Where others reach it. */
  readonly address: string
  readonly port?: number
  readonly sslPort?: number
  /** Anything that JSON can hold, for those who look it up. A Java reader may want `@class` in it. */
  readonly payload?: P
  /** How much of the work it takes, relative to the others; 1 when left out. */
  readonly weight?: number
  /** What it is near to, say `{ zone: 'a', region: 'eu' }`. */
  readonly tags?: Readonly<Record<string, string>>
  /** How it is called: `{scheme}://{address}:{port}/api`. */
  readonly uriSpec?: string
  /** False: it is there, but not to be used. */
  readonly enabled?: boolean
}

/** Names of the options, for the checks. */
export const INSTANCE_OPTIONS: readonly string[] =
  ['address', 'port', 'sslPort', 'payload', 'weight', 'tags', 'uriSpec', 'enabled']

/** The fields of Curator's JSON. */
const FIELDS: readonly string[] = ['name', 'id', 'address', 'port', 'sslPort', 'payload', 'registrationTimeUTC',
  'serviceType', 'uriSpec', 'enabled']
const LARGEST_PORT = 65_535

/** What a document of Curator's says. */
interface Fields<P> {
  readonly name: string
  readonly id: string
  readonly address: string | null
  readonly port: number | null
  readonly sslPort: number | null
  readonly payload: P
  readonly registrationTimeUTC: number
  readonly serviceType: string
  readonly uriSpec: UriSpec | null
  readonly enabled: boolean
}

/** One instance of a service, as it was announced. */
export class Instance<P = unknown> implements Fields<P> {
  readonly name: string
  readonly id: string
  readonly address: string | null
  readonly port: number | null
  readonly sslPort: number | null
  /** As it was stored; null when there is none. */
  readonly payload: P
  /** Ms since 1970 by the clock of the program that registered it. */
  readonly registrationTimeUTC: number
  /** `DYNAMIC` lives as long as its program; Curator knows `DYNAMIC_SEQUENTIAL`, `STATIC` and `PERMANENT`, too. */
  readonly serviceType: string
  readonly uriSpec: UriSpec | null
  readonly enabled: boolean
  /** What the payload says in `weight`; 1 when it says nothing of the kind. */
  readonly weight: number
  /** What the payload says in `tags`. */
  readonly tags: Readonly<Record<string, string>>
  /** The fields that Curator does not know. */
  readonly #unknown: Readonly<Record<string, unknown>>

  /** @internal */
  constructor(fields: Fields<P>, unknown: Readonly<Record<string, unknown>> = {}) {
    this.name = fields.name
    this.id = fields.id
    this.address = fields.address
    this.port = fields.port
    this.sslPort = fields.sslPort
    this.payload = fields.payload
    this.registrationTimeUTC = fields.registrationTimeUTC
    this.serviceType = fields.serviceType
    this.uriSpec = fields.uriSpec
    this.enabled = fields.enabled
    const { weight, tags } = objectOf(fields.payload)
    const number = typeof weight === 'string' ? Number(weight) : weight
    this.weight = typeof number === 'number' && number >= 0 && number < Infinity ? number : 1
    this.tags = Object.freeze(Object.fromEntries(Object.entries(objectOf(tags))
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string')))
    this.#unknown = unknown
    Object.freeze(this)
  }

  /** What it says of this tag; what stands in the payload itself counts, too, as Java programs put it there. */
  tag(name: string): string | undefined {
    const plain = objectOf(this.payload)[name]
    return this.tags[name] ?? (typeof plain === 'string' ? plain : undefined)
  }

  /**
   * Where to call it: its pattern with the fields in their places (`scheme`, `name`, `id`, `address`, `port`,
   * `ssl-port`, `registration-time-utc`, `service-type`, and `variables`), else the address with its port, by https
   * when it has an `sslPort`.
   */
  uri(variables: Readonly<Record<string, string>> = {}): string {
    const { name, id, address, port, sslPort } = this
    const scheme = sslPort === null ? 'http' : 'https'
    if (this.uriSpec === null) {
      const host = address?.includes(':') === true ? `[${address}]` : address ?? ''
      const at = sslPort ?? port
      return `${scheme}://${host}${at === null ? '' : `:${at}`}`
    }
    return buildUri(this.uriSpec, {
      scheme, name, id, address: address ?? '', port: String(port ?? ''), 'ssl-port': String(sslPort ?? ''),
      'registration-time-utc': String(this.registrationTimeUTC), 'service-type': this.serviceType.toLowerCase(),
      ...variables,
    })
  }

  /** As Curator writes it: `enabled`, which its older versions refuse, stands there only when it is false. */
  toJSON(): Record<string, unknown> {
    const { name, id, address, port, sslPort, payload, registrationTimeUTC, serviceType, uriSpec, enabled } = this
    return {
      name, id, address, port, sslPort, payload, registrationTimeUTC, serviceType, uriSpec,
      ...(enabled ? {} : { enabled }), ...this.#unknown,
    }
  }

  /** @internal The fields that Curator does not know. */
  get unknown(): Readonly<Record<string, unknown>> {
    return this.#unknown
  }
}

/** What there is about an instance besides what it says of itself. */
export interface Identity {
  readonly name: string
  readonly id: string
  readonly registrationTimeUTC: number
  /** Fields to keep that this package does not know. */
  readonly unknown: Readonly<Record<string, unknown>>
}

/** Makes an instance of what its program says. Throws TypeError for what cannot be. */
export function instanceOf<P>(identity: Identity, options: InstanceOptions<P>): Instance<P> {
  const { address, port, sslPort, payload, weight, tags, uriSpec, enabled = true } = options
  if (typeof address !== 'string' || address === '') throw new TypeError('address must be a text that is not empty')
  for (const [what, value] of Object.entries({ port, sslPort })) {
    if (value !== undefined && !isPort(value)) throw new TypeError(`${what} must be from 0 to ${LARGEST_PORT}`)
  }
  if (weight !== undefined && !(typeof weight === 'number' && weight >= 0 && weight < Infinity)) {
    throw new TypeError('weight must be a number that is not negative')
  }
  checkTypes(options, { enabled: 'boolean', uriSpec: 'string' })
  if (tags !== undefined && Object.values(objectOf(tags)).some((value) => typeof value !== 'string')) {
    throw new TypeError('tags must be an object of texts')
  }
  const { name, id, registrationTimeUTC, unknown } = identity
  return new Instance<P>({
    name, id, registrationTimeUTC, address, port: port ?? null, sslPort: sslPort ?? null, enabled,
    payload: payloadOf(payload, weight, tags) as P,
    serviceType: 'DYNAMIC', uriSpec: uriSpec === undefined ? null : parseUriSpec(uriSpec),
  }, unknown)
}

/** Weight and tags stand in the payload: readers that know nothing of them take no offence there. */
function payloadOf(
  payload: unknown, weight: number | undefined, tags: Readonly<Record<string, string>> | undefined,
): unknown {
  if (payload !== undefined && JSON.stringify(payload) === undefined) throw new TypeError('payload must be JSON')
  if (weight === undefined && tags === undefined) return payload ?? null
  if (payload !== undefined && payload !== null && !isObject(payload)) {
    throw new TypeError('weight and tags go with a payload that is an object')
  }
  return { ...payload, ...(weight === undefined ? {} : { weight }), ...(tags === undefined ? {} : { tags }) }
}

/**
 * Reads what somebody stored, in any form that Curator ever wrote; what is missing has Curator's defaults. Throws
 * ValueInvalid for what says nothing of an instance.
 */
export function readInstance<P>(path: string, node: NodeData): Instance<P> {
  const [name = '', id = ''] = path.split('/').slice(-2)
  let given: unknown
  try {
    given = node.json()
  } catch (error) {
    throw new ZkError('ValueInvalid', 'an instance of a service is no JSON', { path, cause: error })
  }
  const refuse = (message: string): never => {
    throw new ZkError('ValueInvalid', `an instance of a service: ${message}`, { path })
  }
  if (!isObject(given)) return refuse('not an object')
  const text = <D extends string | null>(field: string, otherwise: D): string | D => {
    const value = given[field] ?? otherwise
    return typeof value === 'string' || value === otherwise ? value as string | D : refuse(`${field} is no text`)
  }
  const port = (field: string): number | null => {
    const value = given[field] ?? null
    const number = typeof value === 'string' && value !== '' ? Number(value) : value
    return number === null || isPort(number) ? number : refuse(`${field} is no port`)
  }
  const stamp = given['registrationTimeUTC'] ?? 0
  const time = typeof stamp === 'object' ? 0 : Number(stamp)
  return new Instance<P>({
    name: text('name', name), id: text('id', id), address: text('address', null), port: port('port'),
    sslPort: port('sslPort'), payload: (given['payload'] ?? null) as P,
    registrationTimeUTC: Number.isFinite(time) ? time : 0, serviceType: text('serviceType', 'DYNAMIC'),
    uriSpec: readUriSpec(given['uriSpec']), enabled: given['enabled'] !== false,
  }, Object.fromEntries(Object.entries(given).filter(([field]) => !FIELDS.includes(field))))
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LARGEST_PORT
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {}
}
