import { fileURLToPath } from 'node:url'
import { compiled } from '../java/curator.ts'
import type { Compiled } from '../java/curator.ts'
import { Script } from './script.ts'

const JAVA = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** A Java program beside this file that uses Curator; compiled once, and removed when the process ends. */
export class CuratorProgram {
  readonly #name: string
  #compiling: Promise<Compiled> | null = null

  constructor(name: string) {
    this.#name = name
  }

  async start(...words: readonly string[]): Promise<Script> {
    const { classPath } = await (this.#compiling ??= this.#compile())
    return new Script('java', [...JAVA, '-cp', classPath, this.#name, ...words])
  }

  async #compile(): Promise<Compiled> {
    const program = await compiled([fileURLToPath(new URL(`${this.#name}.java`, import.meta.url))])
    process.once('exit', () => program.remove())
    return program
  }
}
