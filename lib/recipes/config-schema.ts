import { ZkError } from '../core/errors.ts'

/** A validator as Standard Schema v1 has it: of Zod, Valibot, ArkType and others, or of your own. */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>
    /** For inference alone. */
    readonly types?: { readonly input: In, readonly output: Out } | undefined
  }
}

/** What a validator gives: a value, or what is wrong with it. */
export type StandardResult<Out> =
  { readonly value: Out, readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }

/** One thing that a validator finds wrong. */
export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  readonly message: string
  /** Where: `db.port`, `hosts.0`; empty for the whole. */
  readonly path: string
}

/** A configuration that is right, or what is wrong with it. */
export type Checked<T> =
  { readonly value: T, readonly issues?: undefined } | { readonly issues: readonly ConfigIssue[] }

/** Asks the schema. One that throws has an issue, too: a listener's process need not end by a bad value. */
export async function checked<T>(schema: StandardSchema<never, T> | undefined, value: unknown): Promise<Checked<T>> {
  if (schema === undefined) return { value: value as T }
  try {
    const result = await schema['~standard'].validate(value)
    if (result.issues === undefined) return { value: result.value }
    return { issues: result.issues.map(({ message, path }) => ({ message, path: textOf(path ?? []) })) }
  } catch (error) {
    return { issues: [{ message: `the schema threw: ${messageOf(error)}`, path: '' }] }
  }
}

/** Throws TypeError for what is neither undefined nor a Standard Schema. */
export function checkSchema(schema: unknown): void {
  if (schema === undefined) return
  const standard = (schema as Partial<StandardSchema> | null)?.['~standard']
  if (standard?.version !== 1 || typeof standard.validate !== 'function') {
    throw new TypeError('schema must be a Standard Schema of version 1: an object with \'~standard\'')
  }
}

/** The error of a write that is refused, or of a configuration that cannot be opened; its cause is the issues. */
export function invalid(path: string, issues: readonly ConfigIssue[], environment?: string): ZkError {
  const where = environment === undefined ? '' : ` in environment '${environment}'`
  const text = issues.map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`))
  return new ZkError('ValueInvalid', `no valid configuration${where} (${text.join('; ')})`, { path, cause: issues })
}

/** What was thrown, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function textOf(path: NonNullable<StandardIssue['path']>): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
}
