import { call } from '../api/client.ts'
import type { Authority, Profile } from '../api/types.ts'
import { useLoad } from '../load.ts'
import { dayField, Input, Select } from '../parts/form.tsx'

type Filter = Readonly<Record<string, string>>

const STATES = [
  ['', 'Any'],
  ['valid', 'Valid'],
  ['held', 'Held'],
  ['revoked', 'Revoked'],
  ['expired', 'Expired'],
] as const

/** What few ask for. */
const LATER = ['issuedAfter', 'issuedBefore', 'expiresAfter', 'expiresBefore']

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
  const day = (key: string) => dayField(filter[key], (value) => onChange({ ...filter, [key]: value }))
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
      <Input label="Asked for by" placeholder="token:17" {...field('principal')} />
      <details class="wide" open={LATER.some((key) => filter[key])}>
        <summary>More filters</summary>
        <div class="filters">
          <Input label="Issued from" {...day('issuedAfter')} />
          <Input label="Issued before" {...day('issuedBefore')} />
          <Input label="Expires from" {...day('expiresAfter')} />
          <Input label="Expires before" {...day('expiresBefore')} />
        </div>
      </details>
    </search>
  )
}
