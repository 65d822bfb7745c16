/** The kinds of subjectAltName that Chancery certifies (RFC 5280 4.2.1.6). */
export const NAME_TYPES = ['dns', 'ip', 'email', 'uri'] as const
export type NameType = (typeof NAME_TYPES)[number]

/**
 * One normalised name: DNS in lower-case A-labels, IP in its canonical text (RFC 5952 for IPv6), e-mail with
 * a lower-case host, URI as given after checking.
 */
export interface SubjectName {
  readonly type: NameType
  readonly value: string
}

/** "dns:web.example.test", the form in the inventory, the audit log and error messages. */
export function nameText(name: SubjectName): string {
  return `${name.type}:${name.value}`
}

/** Each name once, in their order. */
export function distinctNames(names: readonly SubjectName[]): SubjectName[] {
  return [...new Map(names.map((name) => [nameText(name), name])).values()]
}
