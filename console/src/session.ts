import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Role, Session } from './api/types.ts'

export const SessionContext = createContext<Session | null>(null)

const RANK: Readonly<Record<Role, number>> = { auditor: 0, operator: 1, admin: 2 }

/** Whether whoever is signed in has this role or one above it. The service decides; this only hides what it would refuse. */
export function useMay(role: Role): boolean {
  const session = useContext(SessionContext)
  return session !== null && RANK[session.role] >= RANK[role]
}
