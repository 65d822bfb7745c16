import { call } from '../api/client.ts'
import type { Authority, Profile } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { Input, Select } from '../parts/form.tsx'

type Filter = Readonly<Record<string, string>>

const STATES = [
  ['', 'Any'],
  ['valid', 'Valid'],
  ['held', 'Held'],
  ['revoked', 'Revoked'],
  ['expired', 'Expired'],
] as const

/** What few ask for. */
const LATER = ['principal', 'issuedAfter', 'issuedBefore', 'expiresAfter', 'expiresBefore']

/** From when to when, as days; the API takes times. */
const START = 'T00:00:00Z'

export function InventoryFilters({
  filter,
  onChange,
}: {
  filter: Filter
  onChange: (filter: Filter) => void
}) {
  const { data: profiles } = useLoad('profiles', (signal) =>
    call<{ profiles: Profile[] }>('v1/profiles', { signal }),
  )
  const { data: authorities } = useLoad('authorities', (signal) =>
    call<{ authorities: Authority[] }>('v1/authorities', { signal }),
  )
  const field = (key: string) => ({
    value: filter[key] ?? '',
    onChange: (value: string) => onChange({ ...filter, [key]: value }),
  })
  const day = (key: string) => ({
    type: 'date' as const,
    value: (filter[key] ?? '').slice(0, 10),
    onChange: (value: string) => onChange({ ...filter, [key]: value === '' ? '' : value + START }),
  })
  const any = (names: readonly string[] = []) => [
    ['', 'Any'] as const,
    ...names.map((name) => [name, name] as const),
  ]
  return (
    <search class="filters">
      <div class="wide">
        <Input
          label="Search"
          type="search"
          hint="A part of a name, *.example.test for all below a domain, or the start of a serial number."
          {...field('search')}
        />
      </div>
      <Select label="State" options={STATES} {...field('state')} />
      <Select
        label="Profile"
        options={any(profiles?.profiles.map(({ name }) => name))}
        {...field('profile')}
      />
      <Select
        label="Authority"
        options={any(authorities?.authorities.map(({ id }) => id))}
        {...field('authority')}
      />
      <details class="wide" open={LATER.some((key) => filter[key])}>
        <summary>More filters</summary>
        <div class="filters">
          <Input label="Asked for by" placeholder="token:17" {...field('principal')} />
          <Input label="Issued from" {...day('issuedAfter')} />
          <Input label="Issued before" {...day('issuedBefore')} />
          <Input label="Expires from" {...day('expiresAfter')} />
          <Input label="Expires before" {...day('expiresBefore')} />
        </div>
      </details>
    </search>
  )
}
