import { readFileSync, readdirSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Site } from './sites.ts'

interface Range { readonly startOffset: number, readonly endOffset: number, readonly count: number }

interface Script {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}

/** What is known of the text that was run in place of a source. */
interface Mapped {
  readonly lineLengths: readonly number[]
  readonly data: ConstructorParameters<typeof SourceMap>[0] | null
}

/** What a process leaves in the folder that NODE_V8_COVERAGE names. */
interface Measurement {
  readonly 'result': readonly Script[]
  readonly 'source-map-cache'?: Readonly<Record<string, Mapped>>
}

/** Sites of which it is known whether they ran. */
export interface Taken {
  /** Those that ran in some process. */
  readonly taken: ReadonlySet<Site>
  /** Those of which the text that was run has nothing: nobody can say. */
  readonly unknown: ReadonlySet<Site>
}

/**
 * Which of the sites, whose files are named from `root` on, were run by the processes that left their measurements in
 * `folder`. The engine counts in the text that it was given, so sites are looked up there by way of its source map.
 */
export function takenSites(folder: string, root: string, sites: readonly Site[]): Taken {
  const byPath = new Map<string, Site[]>()
  for (const site of sites) {
    const path = join(root, site.file)
    byPath.set(path, [...byPath.get(path) ?? [], site])
  }
  const offsets = new Map<string, ReadonlyMap<string, readonly number[]>>()
  const taken = new Set<Site>()
  const unknown = new Set<Site>()
  for (const { result, 'source-map-cache': mapped = {} } of measurements(folder)) {
    for (const { url, functions } of result) {
      const path = url.startsWith('file:') ? fileURLToPath(url.split('?')[0]!) : url
      const map = mapped[url]
      const looked = byPath.get(path)
      if (looked === undefined || map === undefined) continue
      if (!offsets.has(path)) offsets.set(path, offsetsOf(map))
      const ranges = functions.flatMap((one) => one.ranges)
      for (const site of looked) {
        const places = offsets.get(path)!.get(placeOf(site.line, site.column))
        if (places === undefined) unknown.add(site)
        else if (places.every((at) => countAt(ranges, at) > 0)) taken.add(site)
      }
    }
  }
  return { taken, unknown }
}

/** What a process left half-written, as one does that may not write any more, is no measurement. */
function* measurements(folder: string): Iterable<Measurement> {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'utf8')
    if (text.endsWith('}')) yield JSON.parse(text) as Measurement
  }
}

const placeOf = (line: number, column: number): string => `${line}:${column}`

/** Where in the text that was run the places of the source are. */
function offsetsOf({ lineLengths, data }: Mapped): ReadonlyMap<string, readonly number[]> {
  const offsets = new Map<string, number[]>()
  if (data === null) return offsets
  const map = new SourceMap(data)
  let begin = 0
  for (const [line, length] of lineLengths.entries()) {
    for (let column = 0; column < length; column++) {
      const entry = map.findEntry(line, column)
      if (!('originalLine' in entry) || entry.generatedLine !== line || entry.generatedColumn !== column) continue
      const place = placeOf(entry.originalLine, entry.originalColumn)
      const places = offsets.get(place)
      if (places === undefined) offsets.set(place, [begin + column])
      else places.push(begin + column)
    }
    begin += length + 1
  }
  return offsets
}

/** How often what is at this place was run: as often as the shortest range says that it is in. */
function countAt(ranges: readonly Range[], at: number): number {
  let shortest: Range | null = null
  for (const range of ranges) {
    if (at < range.startOffset || at >= range.endOffset) continue
    if (shortest !== null && lengthOf(range) > lengthOf(shortest)) continue
    shortest = range
  }
  return shortest?.count ?? 0
}

function lengthOf({ startOffset, endOffset }: Range): number {
  return endOffset - startOffset
}
