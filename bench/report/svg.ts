/** Plots as SVG text; colours come from the page's style sheet. */

/** One bar of a chart: its label, its length, what is written behind it. */
export interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly style: string
}

/** Where a line of a plot has a dot. */
export type Point = readonly [x: number, y: number]

/** One line of a plot, and the same of something else, which is drawn dashed in its colour. */
export interface Line {
  readonly label: string
  readonly points: readonly Point[]
  readonly dashed: readonly Point[]
}

const LABEL_WIDTH = 170
const BAR_WIDTH = 430
const TEXT_WIDTH = 150
const ROW = 20

/** Text that may stand in markup. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char)
}

/** Bars from 0, or on a logarithmic scale from `least`; `mark` draws a line, at the value that counts. */
export function barChart(bars: readonly Bar[], title: string, options: { log?: number, mark?: number } = {}): string {
  const most = Math.max(...bars.map(({ value }) => value), options.mark ?? 0) || 1
  const least = options.log ?? 0
  const x = (value: number): number => least === 0 ? value / most * BAR_WIDTH
    : Math.max(0, Math.log(Math.max(value, least) / least) / Math.log(most / least || 1)) * BAR_WIDTH
  const rows = bars.map(({ label, value, text, style }, at) => {
    const y = at * ROW
    return `<text x="${LABEL_WIDTH - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>` +
      `<rect class="${style}" x="${LABEL_WIDTH}" y="${y + 3}" width="${x(value).toFixed(1)}" height="14" rx="2"/>` +
      `<text class="value" x="${(LABEL_WIDTH + x(value) + 6).toFixed(1)}" y="${y + 14}">${escaped(text)}</text>`
  })
  const height = bars.length * ROW
  const at = options.mark === undefined ? 0 : LABEL_WIDTH + x(options.mark)
  const mark = options.mark === undefined ? ''
    : `<line class="mark" x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="0" y2="${height}"/>`
  return svg(LABEL_WIDTH + BAR_WIDTH + TEXT_WIDTH, height, title, rows.join('') + mark)
}

/** Of lines, in the style sheet. */
const COLOURS = 6
const PLOT = { width: 340, height: 190, left: 52, right: 12, top: 10, bottom: 26 } as const

/** Lines on two logarithmic axes, so that a flat line is a cost that does not grow. */
export function logPlot(lines: readonly Line[], title: string, yUnit: string): string {
  const points = lines.flatMap((line) => [...line.points, ...line.dashed])
  const [left, right] = decades(points.map(([x]) => x))
  const [low, high] = decades(points.map(([, y]) => y))
  const across = (x: number): number =>
    PLOT.left + (Math.log10(x) - left) / (right - left) * (PLOT.width - PLOT.left - PLOT.right)
  const down = (y: number): number =>
    PLOT.height - PLOT.bottom - (Math.log10(y) - low) / (high - low) * (PLOT.height - PLOT.top - PLOT.bottom)
  const grid: string[] = []
  for (let power = left; power <= right; power++) {
    const x = across(10 ** power).toFixed(1)
    grid.push(`<text x="${x}" y="${PLOT.height - 8}" text-anchor="middle">${short(power)}</text>`)
  }
  for (let power = low; power <= high; power++) {
    const y = down(10 ** power).toFixed(1)
    grid.push(`<line class="grid" x1="${PLOT.left}" x2="${PLOT.width - PLOT.right}" y1="${y}" y2="${y}"/>` +
      `<text x="${PLOT.left - 6}" y="${Number(y) + 4}" text-anchor="end">${short(power)} ${yUnit}</text>`)
  }
  const draw = (own: readonly Point[], styles: string): string => {
    if (own.length === 0) return ''
    const path = own.map(([x, y]) => [across(x).toFixed(1), down(y).toFixed(1)] as const)
    return `<polyline class="line ${styles}" points="${path.map((point) => point.join(',')).join(' ')}"/>` +
      path.map(([cx, cy]) => `<circle class="dot ${styles}" cx="${cx}" cy="${cy}" r="2.5"/>`).join('')
  }
  const drawn = lines.map((line, at) =>
    draw(line.dashed, `dashed l${at % COLOURS}`) + draw(line.points, `l${at % COLOURS}`))
  const legend = lines.map(({ label }, at) => `<span class="key l${at % COLOURS}">${escaped(label)}</span>`).join(' ')
  return `${svg(PLOT.width, PLOT.height, title, grid.join('') + drawn.join(''))}<p class="legend">${legend}</p>`
}

/** Whole powers of ten around positive values, at least one apart. */
function decades(values: readonly number[]): readonly [number, number] {
  const positive = values.filter((value) => value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1e12)))
  const high = Math.ceil(Math.log10(Math.max(...positive, 1e-12)))
  return positive.length === 0 ? [0, 1] : [low, Math.max(high, low + 1)]
}

function short(power: number): string {
  if (power < 0) return String(10 ** power)
  const [unit, of] = power >= 6 ? ['M', 6] : power >= 3 ? ['k', 3] : ['', 0]
  return `${10 ** (power - Number(of))}${unit}`
}

function svg(width: number, height: number, title: string, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<title>${escaped(title)}</title>${body}</svg>`
}
