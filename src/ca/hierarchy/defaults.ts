import { randomBytes } from 'node:crypto'
import type { NameAttribute } from '../../pki/distinguished-name.ts'
import type { Initialisation } from './initialise.ts'
import type { RootWish } from './root.ts'

const YEAR = 365 * 86_400

/** Names end in random digits: two CAs of one name but different keys confuse those who trust both. */
export function defaultSubject(role: string): readonly NameAttribute[] {
  return [{ type: 'CN', value: `Chancery ${role} ${randomBytes(3).toString('hex')}` }]
}

/** What an empty data directory becomes where nobody asks for something else: P-256, ten years above five. */
export function defaultHierarchy(): { intermediate: Initialisation['intermediate']; root: RootWish } {
  return {
    intermediate: {
      id: 'intermediate',
      keyType: 'P-256',
      hash: null,
      subject: defaultSubject('Issuing CA'),
      pathLength: 0,
      nameConstraints: null,
      validity: 5 * YEAR,
    },
    root: { keyType: 'P-256', hash: null, subject: defaultSubject('Root CA'), validity: 10 * YEAR },
  }
}
