import type { Names } from './api/types.ts'

const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' })
const TIME = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'always' })
const NUMBER = new Intl.NumberFormat('en')

const UNITS = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** "27 Nov 2026". All times are UTC, as in certificates. */
export function date(text: string): string {
  return DATE.format(new Date(text))
}

/** "27 Nov 2026, 13:40:05 UTC". */
export function time(text: string): string {
  return `${TIME.format(new Date(text))} UTC`
}

/** "in 3 days", "2 hours ago". */
export function relative(text: string, now = Date.now()): string {
  const seconds = (Date.parse(text) - now) / 1000
  if (Math.abs(seconds) < 1) return 'now'
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size * 1.5) ?? UNITS[5]
  return RELATIVE.format(Math.round(seconds / length), unit)
}

export function number(value: number): string {
  return NUMBER.format(value)
}

/** "90 days", "1 hour": the largest unit that has it whole. */
export function life(seconds: number): string {
  const [unit, length] = UNITS.slice(2).find(([, size]) => seconds % size === 0) ?? UNITS[5]
  const count = seconds / length
  return `${number(count)} ${unit}${count === 1 ? '' : 's'}`
}

export function nameList(names: Names): string[] {
  return [...(names.dns ?? []), ...(names.ip ?? []), ...(names.email ?? []), ...(names.uri ?? [])]
}

/** What a person knows it by: its first name, else its subject. */
export function title({
  names,
  subject,
  serialNumber,
}: {
  names: Names
  subject: string
  serialNumber: string
}): string {
  return nameList(names)[0] ?? (subject || serialNumber)
}

/** Hexadecimal in pairs, with colons. */
export function colons(hex: string): string {
  return (hex.length % 2 ? `0${hex}` : hex).match(/../g)?.join(':') ?? ''
}

/** "keyCompromise" as "key compromise", "cRLSign" as "CRL sign". */
export function words(name: string): string {
  const [, short, rest = name] = /^(cRL|cA|aA)([A-Z].*)$/.exec(name) ?? []
  const text = rest.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  return short === undefined ? text : `${short.toUpperCase()} ${text}`
}

export function hexOf(octets: ArrayBuffer): string {
  return Array.from(new Uint8Array(octets), (octet) => octet.toString(16).padStart(2, '0')).join('')
}
