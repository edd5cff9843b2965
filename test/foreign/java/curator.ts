/** Programs with Apache Curator: its jars, and the compiler. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findJars } from '../apache-jars.ts'
import { command, installPackage, succeeds } from '../command.ts'

/** The release. */
export const CURATOR = '5.9.0'

const PROJECT = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>foreign</groupId><artifactId>foreign</artifactId><version>1</version><dependencies><dependency>
<groupId>org.apache.curator</groupId><artifactId>curator-x-discovery</artifactId><version>${CURATOR}</version>
</dependency></dependencies></project>
`

/** Jars of Curator and what it needs, kept in the folder for temporary files. */
async function curator(): Promise<string[]> {
  const home = join(tmpdir(), `curator-${CURATOR}`)
  const library = join(home, 'lib')
  if (!existsSync(library)) {
    const folder = mkdtempSync(join(tmpdir(), 'curator-'))
    try {
      writeFileSync(join(folder, 'pom.xml'), PROJECT)
      await command('mvn', ['-q', '-B', '-C', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], folder)
      mkdirSync(home, { recursive: true })
      // Another process may have been faster: its folder is as good.
      if (!existsSync(library)) renameSync(join(folder, 'lib'), library)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return readdirSync(library).map((name) => join(library, name))
}

/** A program that can be run. */
export interface Compiled {
  readonly classPath: string
  /** Of the Java client. */
  readonly version: string
  remove(): void
}

/** Compiles Java sources that use Curator, after what that takes was found or installed. */
export async function compiled(sources: readonly string[]): Promise<Compiled> {
  if (!await succeeds('javac', '-version')) await installPackage('default-jdk-headless')
  if (!await succeeds('mvn', '--version')) await installPackage('maven')
  const { version, classPath } = await findJars()
  const jars = [...classPath.split(':'), ...await curator()].join(':')
  const classes = mkdtempSync(join(tmpdir(), 'java-checks-'))
  await command('javac', ['-nowarn', '-Xlint:none', '-d', classes, '-cp', jars, ...sources])
  return { classPath: `${classes}:${jars}`, version, remove: () => rmSync(classes, { recursive: true, force: true }) }
}
