import { beside } from '../../bench/report/beside.ts'
import { page } from '../../bench/report/page.ts'
import type { Report } from '../../bench/report/report.ts'
import type { SampleFigures } from '../../bench/recipes/sample.ts'
import { growths } from '../../bench/scaling/row.ts'
import type { Row } from '../../bench/scaling/row.ts'
import { assert, suite } from '../harness.ts'

const test = suite('bench/report')

function row(size: number, cost: number, isOurs: boolean): Row {
  return {
    bench: 'depth', what: 'get', size, unit: 'us', cost, blockMs: isOurs ? 61 : null, wallMs: isOurs ? 73 : null,
    residentBytes: 1, peakBytes: 1,
  }
}

function sample(bench: string, p50Ms: number, program?: string): SampleFigures {
  return { bench, count: 3, p50Ms, p99Ms: p50Ms, ...program === undefined ? {} : { program } }
}

function report(apacheScaling: readonly Row[]): Report {
  const scaling = [row(10, 2, true), row(100, 4, true), row(1_000, 4, true)]
  return {
    setting: {
      startedAt: '2026-11-30T00:00:00Z', cpu: 'a <CPU>', cores: 2, memoryBytes: 2 ** 33, system: 'Linux',
      loadAtStart: 0,
      disk: { folder: '/somewhere', fileSystem: 'tmpfs', isMemory: true, appendUs: 217, overwriteUs: 149 },
      node: 'v20', vivarium: '0.1.0', apache: '3.8.0', java: '17', durability: [['vivarium', 'flushed']], runs: 4,
      seconds: 2.5, command: 'npm run bench:report',
    },
    workloads: [], duels: [], figures: [], macro: [], scaling, apacheScaling: [...apacheScaling],
    growths: growths(scaling), apacheGrowths: growths(apacheScaling),
    recipes: beside([
      sample('lock', 0.25, 'vivarium'), sample('cache', 40), sample('lock', 0.75, 'Apache ZooKeeper'),
    ], 'vivarium'),
    notes: ['Data lie in memory'],
  }
}

const text = page(report([row(10, 20, false), row(100, 24, false)]))

test('the page tells where data lie, and what a flush takes there', () => {
  assert.match(text, /\/somewhere, tmpfs; 4 KiB written and flushed in 217 us at the end of a file, in 149 us within/)
  assert.match(text, /<p class="bad">Data lie in memory<\/p>/)
})

test('growth has the exponent of each step, and the longest turn by the thread and by the clock', () => {
  assert.match(text, /<td>depth: get<\/td><td>10 to 1,000<\/td><td>x 2\.00<\/td><td>0\.30, 0\.00<\/td>/)
  assert.match(text, /<span class="bad">61\.0<\/span><\/td><td>73\.0<\/td>/)
  assert.match(text, /<td>61\.0 ms<\/td><td>73\.0 ms<\/td>/)
})

test('Apache ZooKeeper stands beside it: dashed, its growth, and its cost by ours at the largest size of both', () => {
  assert.is(text.match(/<polyline class="line dashed l0"/g)?.length, 1)
  assert.is(text.match(/<circle class="dot dashed l0"/g)?.length, 2)
  assert.match(text, /<td>x 1\.20 to 100<\/td><td>x 6\.00 at 100<\/td>/)
  assert.match(text, /<td>100<\/td><td>24\.0 us<\/td><td>4\.00 us<\/td>/)
  const alone = page(report([]))
  assert.not.match(alone, /its cost by ours/)
  assert.not.match(alone, /polyline class="line dashed/)
})

test('recipes of both programs are one row, and those that no server did have one too', () => {
  assert.match(text, /<td>lock<\/td><td>0\.75 ms<\/td><td>0\.25 ms<\/td>/)
  assert.match(text, /<td>cache<\/td><td><\/td><td>40\.0 ms<\/td>/)
  assert.is(text.match(/<td>lock<\/td>/g)?.length, 1)
})

test('all that the page was made from stands in it', () => {
  const json = /<script type="application\/json" id="report">(.*)<\/script>/.exec(text)?.[1] ?? ''
  const found = JSON.parse(json) as Report
  assert.is(found.setting.cpu, 'a <CPU>')
  assert.equal(found.growths.map(({ exponents }) => exponents.length), [2])
  assert.equal(found.apacheGrowths.map(({ to }) => to), [100])
})

test.run()
