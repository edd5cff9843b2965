import type { Report } from './protocol.ts'

/** One node of a dump: path, data, Stat. */
type Row = readonly [path: string, data: string | null, stat: { readonly version: number }]

function brief(data: string | null | undefined): string {
  return data === null || data === undefined ? 'missing' : data.slice(0, 30)
}

/** What peers acknowledged, and whether it is there. */
export class Ledger {
  /** Data of nodes whose creation was acknowledged and whose deletion was not begun. */
  readonly #created = new Map<string, string>()
  /** Nodes whose deletion was acknowledged. */
  readonly #deleted = new Set<string>()
  readonly #counted = new Map<string, number>()
  /** Acknowledged writes. */
  acknowledged = 0
  /** Writes of which nobody can know. */
  unknown = 0
  /** Contradictions found while the reports came in. */
  readonly wrong: string[] = []

  note(report: Report): void {
    switch (report.kind) {
      case 'created':
        if (this.#created.has(report.path)) this.wrong.push(`${report.path} was created twice`)
        this.#created.set(report.path, report.data)
        this.acknowledged += 1
        break
      case 'deleting': this.#created.delete(report.path); break
      case 'deleted':
        this.#deleted.add(report.path)
        this.acknowledged += 1
        break
      case 'counted':
        this.#counted.set(report.path, report.count)
        this.acknowledged += 1
        break
      case 'unknown': this.unknown += 1; break
      case 'wrong': this.wrong.push(report.what); break
      default: break
    }
  }

  /** What a dump lacks of what was acknowledged, or has against it. */
  check(dump: string): string[] {
    const rows = new Map<string, Row>()
    for (const line of dump.split('\n')) {
      const row = JSON.parse(line) as Row
      rows.set(row[0], row)
    }
    const problems: string[] = []
    for (const [path, data] of this.#created) {
      const found = rows.get(path)?.[1]
      if (found !== data) problems.push(`${path} should be ${brief(data)}, and is ${brief(found)}`)
    }
    for (const path of this.#deleted) {
      if (rows.has(path)) problems.push(`${path} was deleted, and is there`)
    }
    for (const [path, count] of this.#counted) {
      const [, data, stat] = rows.get(path) ?? [path, '-1', { version: -1 }]
      const found = Number(data)
      if (!(found >= count)) problems.push(`${path} was set to ${count}, and is ${found}`)
      if (stat.version > found) problems.push(`${path} was written ${stat.version} times to reach ${found}`)
    }
    return problems
  }
}
