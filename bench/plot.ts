/** A line of points in a plot, from left to right. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
  /** What stands below each place of the horizontal axis, whose places are 0, 1, 2, …: as far apart as each other. */
  readonly places: readonly string[]
}

const WIDTH = 640
const HEIGHT = 360
const LEFT = 70
const RIGHT = 24
const TOP = 44
const BOTTOM = 56
/** Of the Okabe and Ito palette: told apart by colour-blind eyes, and legible on white and on black. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00']

/** An SVG with a vertical axis from 0. Its words and lines take the colour of what is around it, or of the reader's theme. */
export function plotSvg({ title, x, y, series, places }: Plot): string {
  const values = series.flatMap(({ points }) => points.map((point) => point.y))
  const step = niceStep(Math.max(...values, 1) / 5)
  const top = Math.max(1, Math.ceil(Math.max(...values, 1) / step)) * step
  const across = (place: number) =>
    LEFT + ((WIDTH - LEFT - RIGHT) * (place + 0.5)) / Math.max(places.length, 1)
  const up = (value: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top
  const lines: string[] = []
  for (let value = 0; value <= top + step / 2; value += step) {
    const height = up(value).toFixed(1)
    lines.push(`<line class="grid" x1="${LEFT}" y1="${height}" x2="${WIDTH - RIGHT}" y2="${height}"/>`)
    lines.push(text(LEFT - 8, Number(height) + 4, 'end', value.toLocaleString('en')))
  }
  for (const [place, label] of places.entries())
    lines.push(text(across(place), HEIGHT - BOTTOM + 20, 'middle', label))
  lines.push(text(WIDTH / 2, 20, 'middle', title, 'title'))
  lines.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 'middle', x))
  lines.push(`<g transform="rotate(-90 16 ${HEIGHT / 2})">${text(16, HEIGHT / 2, 'middle', y)}</g>`)
  for (const [number, { name, points }] of series.entries()) {
    const colour = COLOURS[number % COLOURS.length]!
    const drawn = points.map((point) => `${across(point.x).toFixed(1)},${up(point.y).toFixed(1)}`)
    lines.push(`<polyline fill="none" stroke="${colour}" stroke-width="2.5" points="${drawn.join(' ')}"/>`)
    for (const at of drawn) {
      const [cx, cy] = at.split(',')
      lines.push(`<circle cx="${cx}" cy="${cy}" r="4" fill="${colour}"/>`)
    }
    const legend = TOP - 10 + 16 * number
    lines.push(`<circle cx="${WIDTH - 180}" cy="${legend - 4}" r="4" fill="${colour}"/>`)
    lines.push(text(WIDTH - 170, legend, 'start', name))
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #8c959f; stroke-opacity: 0.4 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>
${lines.join('\n')}
</svg>
`
}

function text(x: number, y: number, anchor: string, words: string, kind?: string): string {
  const named = kind ? ` class="${kind}"` : ''
  return `<text${named} x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(words)}</text>`
}

function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`)
}

/** 1, 2 or 5 times a power of ten, and not below `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least)!
}
