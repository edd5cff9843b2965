import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runSeed } from '../../lib/testing/sim/run.ts'
import { assert, suite } from '../harness.ts'
import { OtherMajor } from './other-major.ts'
import { otherNode } from './other-node.ts'

const test = suite('sim: other major')

/** Stands in for the other Node. */
const here = { path: process.execPath, version: process.version }

test('a seed that comes to the same there, and one that does not', async () => {
  const major = new OtherMajor('snapshotUncommitted', () => Promise.resolve(here))
  const { seed, fingerprint } = runSeed(1, undefined, 'snapshotUncommitted')
  major.add({ seed, fingerprint })
  major.add({ seed: 2, fingerprint: 1 })
  const { text, differing, failed } = await major.finish()
  assert.equal([differing, failed], [[2], 1])
  assert.match(text, /2 seeds run on .* different for 2$/)
}, { timeoutMs: 60_000 })

test('a Node that cannot be had is told, and is a failure if it could have been', async () => {
  for (const isFailure of [true, false]) {
    const major = new OtherMajor(undefined, () => Promise.resolve({ reason: 'nobody has it', isFailure }))
    major.add({ seed: 1, fingerprint: 1 })
    assert.equal(await major.finish(), {
      text: 'not compared with another major of Node: nobody has it', differing: [], failed: isFailure ? 1 : 0,
    })
  }
})

test('a Node that ends is a failure', async (t) => {
  const path = join(t.tempFolder(), 'node')
  writeFileSync(path, '#!/bin/sh\nexit 7\n')
  chmodSync(path, 0o755)
  const major = new OtherMajor(undefined, () => Promise.resolve({ path, version: 'v0' }))
  major.add({ seed: 1, fingerprint: 1 })
  const { text, failed } = await major.finish()
  assert.is(failed, 1)
  assert.match(text, /0 seeds run .* v0 ended at seed 1: /)
}, { timeoutMs: 20_000 })

test('the one that is named must be another, and be there', async (t) => {
  const before = process.env['OTHER_NODE']
  t.defer(() => {
    if (before === undefined) delete process.env['OTHER_NODE']
    else process.env['OTHER_NODE'] = before
  })
  process.env['OTHER_NODE'] = process.execPath
  assert.equal(await otherNode(), { reason: `${process.execPath} is ${process.version}, as this one`, isFailure: true })
  process.env['OTHER_NODE'] = join(t.tempFolder(), 'none')
  const none = await otherNode()
  assert.ok('isFailure' in none && none.isFailure)
})

test.run()
