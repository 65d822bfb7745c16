import { CaError } from '../../errors.ts'
import { partitionColumn } from '../columns.ts'
import type { CrlBody, CrlPublication, CrlRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority-keys.ts'

export function crlHandlers(db: Connection) {
  const publish = publicationWriter(db)
  const writeAudit = auditWriter(db)
  const authorityKey = authorityKeys(db)
  // A number of a scope is one more than that of any of its rows, so each gets the highest. That may be a partition's: the list
  // of all certificates, which is longer, may have been made less often.
  const leap = db.prepare(
    `UPDATE crls SET through = -1, base_through = -1,
       number = :by + max(:from, (SELECT max(number) FROM crls WHERE authority = :authority))
     WHERE authority = :authority`,
  )
  const dropDeltas = db.prepare("DELETE FROM crls WHERE authority = ? AND kind = 'delta'")
  return {
    /**
     * After a restore: the next CRLs of the authority are due at once, are full ones, and have numbers that are by more than `by`
     * beyond `from` and beyond any on record. -1 says of those on record that nobody knows what they knew of.
     */
    leapCrlNumbers({ authority, from, by }: { authority: string; from: number; by: number }) {
      const key = authorityKey(authority)
      leap.run({ authority: key, from, by })
      dropDeltas.run(key)
      return {}
    },
    recordCrl({ audit, alsoOf = [], ...crl }: CrlRecord) {
      for (const authority of [crl.authority, ...alsoOf]) publish(wholeOf({ ...crl, authority }))
      if (audit) writeAudit(audit)
      return {}
    },
    recordPublication(publication: CrlPublication) {
      publish(publication)
      return {}
    },
  }
}

/** A CRL that was brought, as a publication. */
export function wholeOf({
  authority,
  number,
  thisUpdate,
  ...body
}: Omit<CrlRecord, 'audit'>): CrlPublication {
  // Changes are not recorded of an authority whose key is elsewhere.
  const base = { number, thisUpdate, through: 0 }
  return {
    ...{ authority, number, thisUpdate, base },
    ...{ partition: null, through: 0, locations: [], full: body, delta: null },
  }
}

export function publicationWriter(db: Connection): (publication: CrlPublication) => void {
  const authorityKey = authorityKeys(db)
  // RFC 5280 5.2.3: the numbers of a scope only rise, and its full CRLs and deltas share them.
  const highest = db
    .prepare<[number, number], number | null>(
      'SELECT max(number) FROM crls WHERE authority = ? AND partition = ?',
    )
    .pluck()
  const save = db.prepare(
    `INSERT OR REPLACE INTO crls (authority, partition, kind, number, this_update, next_update, entries, through,
       base_number, base_this_update, base_through, locations, der)
     VALUES (:authority, :partition, :kind, :number, :thisUpdate, :nextUpdate, :entries, :through,
       :baseNumber, :baseThisUpdate, :baseThrough, :locations, :der)`,
  )
  const endDeltas = db.prepare("DELETE FROM crls WHERE authority = ? AND partition = ? AND kind = 'delta'")
  return ({ number, thisUpdate, through, base, locations, full, delta, ...scope }) => {
    const authority = authorityKey(scope.authority)
    const partition = partitionColumn(scope.partition)
    if (number <= (highest.get(authority, partition) ?? 0)) {
      throw new CaError(
        'conflict',
        `CRL number ${number} of "${scope.authority}" is not above the one on record. Build it again.`,
      )
    }
    const common = {
      ...{ authority, partition, number, thisUpdate, through, locations: JSON.stringify(locations) },
      ...{ baseNumber: base.number, baseThisUpdate: base.thisUpdate, baseThrough: base.through },
    }
    const write = (kind: 'full' | 'delta', { nextUpdate, entries, der }: CrlBody) =>
      save.run({ ...common, kind, nextUpdate, entries, der })
    if (full) write('full', full)
    if (delta) write('delta', delta)
    else if (full) endDeltas.run(authority, partition)
  }
}
