import type { NamesAnswer } from './answers.ts'

/** The parts of the REST API's answers about ACME that commands read. */
export interface KeyLimitsAnswer {
  readonly kid: string
  readonly profiles: readonly string[] | null
  readonly names: readonly string[] | null
}

export interface EabKeyAnswer extends KeyLimitsAnswer {
  readonly singleUse: boolean
  readonly state: string
  readonly expiresAt: string | null
  readonly accounts: number
}

export interface AccountAnswer {
  readonly id: number
  readonly status: string
  readonly contacts: readonly string[]
  readonly thumbprint: string
  readonly termsAgreedAt: string | null
  readonly externalKey: KeyLimitsAnswer | null
  readonly createdAt: string
  readonly createdFrom: string
}

export interface OrderAnswer {
  readonly id: number
  readonly account: number
  readonly status: string
  readonly names: NamesAnswer
  readonly profile: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly error: AcmeProblemAnswer | null
  readonly certificate: string | null
}

export interface AcmeProblemAnswer {
  readonly type?: string
  readonly detail?: string
}

export interface AuthorizationAnswer {
  readonly name: string
  readonly wildcard: boolean
  readonly status: string
  readonly challenges: readonly {
    readonly type: string
    readonly status: string
    readonly attempts: number
    readonly error: AcmeProblemAnswer | null
  }[]
}

/** What a key leaves open is "any". */
export function limitList(limit: readonly string[] | null): string {
  return limit?.join(', ') ?? 'any'
}
