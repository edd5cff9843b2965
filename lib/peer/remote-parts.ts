import type { Replica } from '../core/replica.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { JuteReader } from '../wire/jute/reader.ts'
import type { JuteWriter } from '../wire/jute/writer.ts'
import type { Host } from './host.ts'
import type { Metrics } from './metrics.ts'
import type { RemoteClient } from './remote-client.ts'

/** What remote clients need of their peer. */
export interface RemoteParts {
  readonly host: Host
  readonly replica: Replica
  readonly metrics: Metrics
  readonly clock: Clock
  readonly logger: Logger
  readonly superDigest: string | undefined
  /** One frame: Limits.requestBytes. */
  readonly frameBytes: number
  /** Limits.clientQueueBytes. */
  readonly queueBytes: number
  readonly reader: JuteReader
  readonly writer: JuteWriter
  /** It was told or asked something: it wants to know when the turn is over. */
  touched(client: RemoteClient): void
  left(client: RemoteClient): void
}
