import { ACCESS_CASES } from './remote-cases-access.ts'
import { REARM_CASES } from './remote-cases-rearm.ts'
import { SESSION_CASES } from './remote-cases-sessions.ts'
import { LIMIT_CASES } from './remote-cases-limits.ts'
import { LIFE_CASES } from './remote-cases-lives.ts'
import { KILL_CASES } from './remote-cases-kills.ts'
import { WATCH_CASES } from './remote-cases-watches.ts'
import { NODE_CASES } from './remote-cases.ts'
import type { RemoteCase } from './remote-scene.ts'

/** Every case of the client over the wire. */
export const ALL_CASES: readonly RemoteCase[] = [
  ...NODE_CASES, ...ACCESS_CASES, ...WATCH_CASES, ...REARM_CASES,
  ...SESSION_CASES, ...LIFE_CASES, ...LIMIT_CASES, ...KILL_CASES,
]
