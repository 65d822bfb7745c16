import { useState } from 'preact/hooks'
import type { Names } from '../api/types.ts'
import { nameList, relative, time } from '../format.ts'
import { routeTo } from '../route.ts'

const TONE: Readonly<Record<string, string>> = {
  valid: 'good',
  open: 'good',
  active: 'good',
  approved: 'good',
  ready: 'good',
  ok: 'good',
  pending: 'warn',
  processing: 'warn',
  held: 'warn',
  expired: 'quiet',
  used: 'quiet',
  spent: 'quiet',
  retired: 'quiet',
  staged: 'quiet',
  deactivated: 'quiet',
  revoked: 'bad',
  refused: 'bad',
  invalid: 'bad',
  failed: 'bad',
}

/** A state as a word in its colour; the word says it alone. */
export function State({ state }: { state: string }) {
  return <span class={`state ${TONE[state] ?? 'quiet'}`}>{state}</span>
}

/** A time as the distance from now; whole where one points at it, and for readers. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={time(at)}>
      {relative(at)}
    </time>
  )
}

export function At({ at }: { at: string }) {
  return (
    <time dateTime={at} title={relative(at)}>
      {time(at)}
    </time>
  )
}

/** A certificate by its serial number. */
export function Serial({ serial, isWhole = false }: { serial: string; isWhole?: boolean }) {
  return (
    <a class={isWhole ? 'mono' : 'mono short'} href={routeTo(`certificates/${serial}`)} title={serial}>
      {isWhole ? serial : `${serial.slice(0, 8)}…`}
    </a>
  )
}

/** The first names, and how many more. */
export function NameCell({ names, subject, most = 2 }: { names: Names; subject?: string; most?: number }) {
  const all = nameList(names)
  if (all.length === 0) return <span class="names">{subject || 'no name'}</span>
  return (
    <span class="names">
      {all.slice(0, most).join(', ')}
      {all.length > most && <span class="quiet"> and {all.length - most} more</span>}
    </span>
  )
}

/** Who did something: a link where it is a certificate. */
export function Principal({ id }: { id: string }) {
  const serial = /^certificate:([0-9a-f]+)$/.exec(id)?.[1]
  if (serial === undefined) return <span class="middling">{id}</span>
  return (
    <span class="middling">
      certificate <Serial serial={serial} />
    </span>
  )
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [isDone, setDone] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setDone(true)
    setTimeout(() => setDone(false), 2000)
  }
  return (
    <button type="button" class="small" onClick={copy}>
      {isDone ? 'Copied' : label}
    </button>
  )
}

/** The part of its life that has passed. */
export function LifeBar({ from, to, label }: { from: string; to: string; label: string }) {
  const [start, end] = [Date.parse(from), Date.parse(to)]
  const passed = Math.min(1, Math.max(0, (Date.now() - start) / (end - start)))
  const tone = passed >= 1 ? 'bad' : passed > 5 / 6 ? 'warn' : 'good'
  const percent = Math.round(passed * 100)
  return (
    // biome-ignore lint/a11y/useSemanticElements: browsers paint a meter in colours of their own
    <div
      class={`life ${tone}`}
      role="meter"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={`${percent} % of its life has passed`}
    >
      <div style={{ width: `${percent}%` }} />
    </div>
  )
}
