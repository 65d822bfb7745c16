import { randomBytes } from 'node:crypto'
import type { NameAttribute } from '../../pki/distinguished-name.ts'
import type { Initialisation } from './initialise.ts'
import type { RootWish } from './root.ts'

const YEAR = 365 * 86_400

/** What an empty data directory becomes where nobody asks for something else. Lives in seconds. */
export const HIERARCHY_DEFAULTS = {
  authority: 'intermediate',
  keyType: 'P-256',
  pathLength: 0,
  validity: 5 * YEAR,
  rootValidity: 10 * YEAR,
} as const

/** Names end in random digits: two CAs of one name but different keys confuse those who trust both. */
export function defaultSubject(role: 'Root CA' | 'Issuing CA'): readonly NameAttribute[] {
  return [{ type: 'CN', value: `Chancery ${role} ${randomBytes(3).toString('hex')}` }]
}

export function defaultHierarchy(): { intermediate: Initialisation['intermediate']; root: RootWish } {
  const { authority: id, keyType, pathLength, validity, rootValidity } = HIERARCHY_DEFAULTS
  const subject = defaultSubject('Issuing CA')
  return {
    intermediate: { id, keyType, hash: null, subject, pathLength, nameConstraints: null, validity },
    root: { keyType, hash: null, subject: defaultSubject('Root CA'), validity: rootValidity },
  }
}
