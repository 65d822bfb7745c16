import { ROLES, type Role } from '../store/commands.ts'
import type { Principal } from './principal.ts'

/** Whether a role includes another: an admin may do what an operator may, and an operator what an auditor may. */
export function includesRole(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) <= ROLES.indexOf(least)
}

/** The one among them that includes the others; null where there are none. */
export function highestRole(roles: readonly Role[]): Role | null {
  return ROLES.find((role) => roles.includes(role)) ?? null
}

/** The role in which somebody acts; null for those who act for themselves alone. */
export function roleOf({ kind }: Principal): Role | null {
  return (ROLES as readonly string[]).includes(kind) ? (kind as Role) : null
}

export function actsAs(principal: Principal, least: Role): boolean {
  const role = roleOf(principal)
  return role !== null && includesRole(role, least)
}
