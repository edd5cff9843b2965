import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { nameOf, sitesOf } from './sites.ts'
import type { Site } from './sites.ts'
import { takenSites } from './taken.ts'
import type { Taken } from './taken.ts'

/** An error path of the storage that no test takes, and why none does. */
export interface Exception {
  readonly file: string
  /** A part of its line. */
  readonly text: string
  readonly reason: string
}

/** Whatever is added here says why no test can come there. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    file: 'storage/level/earlier.ts', text: "Promise.reject(new Error('this segment is only read'))",
    reason: 'what a segment must have, and reading one calls no write',
  },
  {
    file: 'storage/memory.ts', text: "'packed entries in memory were overwritten'",
    reason: 'nobody else has the bytes: what is handed out is a copy',
  },
]

/** What came of the error paths. */
export interface Verdict {
  readonly taken: number
  readonly problems: readonly string[]
}

/** The error paths of every file below `storage`. */
export function storageSites(root: string): Site[] {
  const files = readdirSync(join(root, 'storage'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  return files.sort().flatMap((file) => sitesOf(file, readFileSync(join(root, file), 'utf8')))
}

/** Each site was taken or is an exception, and each exception is one of a site. */
export function judge(sites: readonly Site[], { taken, unknown }: Taken, exceptions: readonly Exception[]): Verdict {
  const problems: string[] = []
  const isOf = ({ file, text }: Exception, site: Site): boolean => site.file === file && site.text.includes(text)
  for (const site of sites) {
    if (taken.has(site) || exceptions.some((one) => isOf(one, site))) continue
    const why = unknown.has(site) ? 'cannot be found in what was run' : 'is taken by no test'
    problems.push(`${nameOf(site)} ${why}`)
  }
  for (const one of exceptions) {
    if (!sites.some((site) => isOf(one, site))) problems.push(`${one.file} has no "${one.text}": ${one.reason}`)
  }
  return { taken: taken.size, problems }
}

/** Of the storage, by what its tests left in the folder that NODE_V8_COVERAGE named. */
export function judgeStorage(folder: string, root: string): Verdict {
  const sites = storageSites(root)
  return judge(sites, takenSites(folder, root, sites), EXCEPTIONS)
}
