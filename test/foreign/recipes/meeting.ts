import { readdirSync } from 'node:fs'
import type { Scene } from './scene.ts'

/** Resolves to what it saw, if that is worth a word; to null when this kazoo cannot take part. */
export type Meeting = (scene: Scene) => Promise<string | null | void>

/** What every file beside this one whose name ends in `.meetings.ts` exports as MEETINGS, by name. */
export async function allMeetings(): Promise<Readonly<Record<string, Meeting>>> {
  const all: Record<string, Meeting> = {}
  for (const file of readdirSync(new URL('.', import.meta.url)).toSorted()) {
    if (!file.endsWith('.meetings.ts')) continue
    const { MEETINGS } = await import(new URL(file, import.meta.url).href) as {
      readonly MEETINGS: Readonly<Record<string, Meeting>>
    }
    for (const [name, run] of Object.entries(MEETINGS)) {
      if (name in all) throw new Error(`two meetings are called '${name}'`)
      all[name] = run
    }
  }
  return all
}
