import { assert, suite } from '../harness.ts'
import { LiveLine } from './live-line.ts'
import type { Output } from './live-line.ts'

const test = suite('sim: live line')

/** What somebody sees who knows no escape but that of a line that is cleared. */
class Screen implements Output {
  readonly isTTY: boolean
  readonly columns = 20
  written = ''

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): boolean {
    this.written += text
    return true
  }

  get lines(): string[] {
    return this.written.split('\n').map((line) => line.split('\u001b[1G\u001b[2K').at(-1)!)
  }
}

test('in a terminal one line is rewritten, fits, and makes way', () => {
  const screen = new Screen(true)
  let seeds = 0
  const live = new LiveLine(() => `${++seeds} seeds and a lot more of it`, screen)
  live.tick()
  live.tick()
  live.clear()
  screen.write('FAILED\n')
  live.tick()
  assert.equal(screen.lines, ['FAILED', '3 seeds and a lot m'])
  live.end()
  assert.equal(screen.lines, ['FAILED', '4 seeds and a lot more of it', ''])
})

test('elsewhere each is a line', () => {
  const screen = new Screen(false)
  const live = new LiveLine(() => 'a line', screen)
  live.tick()
  live.clear()
  live.end()
  assert.is(screen.written, 'a line\na line\n')
})

test.run()
