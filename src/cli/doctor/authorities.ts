import { proveAuthorityChain } from '../../ca/hierarchy/chain.ts'
import { rfc3339 } from '../../clock.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { type Finding, failed, look, ok, warning } from './finding.ts'
import type { Situation } from './situation.ts'

const DAY = 86_400

/** Is each chain complete and valid, and is there time left to replace it? */
export async function lookAtChains({ authorities, config, now }: Situation): Promise<Finding[]> {
  const longest = Math.max(...Object.values(config.profiles).map(({ validity }) => validity.default))
  const looks = authorities
    .filter(({ role, answers, certificate }) => role === 'issuing' && (answers || !certificate))
    .map(({ id, state, certificate, chain }) =>
      look(
        'chain',
        `Have authority "${id}" signed again, or replace it ("authority create --replaces").`,
        () => {
          if (!certificate) {
            return warning(
              'chain',
              `"${id}" waits for its certificate.`,
              `chancery authority csr ${id}, have it signed, and install it.`,
            )
          }
          const path = [certificate, ...chain.map((der) => parseCertificate(der))]
          // It was valid when it was installed.
          const begin = Math.max(...path.map((one) => one.notBefore))
          if (now < begin) {
            return failed(
              'chain',
              `"${id}" (${state}): valid from ${rfc3339(begin)} on, and this machine’s clock says ${rfc3339(now)}.`,
              'Set the clock.',
            )
          }
          proveAuthorityChain([certificate.der, ...chain], certificate.spki, now)
          const end = Math.min(...path.map((one) => one.notAfter))
          const what = `"${id}" (${state}): complete and valid, until ${rfc3339(end)}.`
          if (state !== 'active' || end > now + longest + 30 * DAY) return ok('chain', what)
          return warning(
            'chain',
            `${what} Certificates of ${Math.floor(longest / DAY)} days will soon be cut.`,
            `Replace it: chancery authority create NEW --replaces ${id}.`,
          )
        },
      ),
    )
  const issuing = authorities.some(({ isDefault, state }) => isDefault && state === 'active')
  return [
    ...(await Promise.all(looks)).flat(),
    ...(issuing
      ? []
      : [failed('chain', 'No authority issues by default.', 'chancery authority default ID.')]),
    ...spent(authorities),
  ]
}

/** Is each authority there that the configuration names? The start cannot refuse one: it may be made later. */
export function lookAtNamed({ authorities, config }: Pick<Situation, 'authorities' | 'config'>): Finding[] {
  const known = authorities.map(({ id }) => id)
  const { profiles, est } = config
  const named = [
    ...Object.values(profiles).map(
      ({ name, authority }) => [`profiles.${name}.authority`, authority] as const,
    ),
    ['est.authority', est.authority] as const,
    ...Object.entries(est.labels).map(
      ([label, { authority }]) => [`est.labels.${label}.authority`, authority] as const,
    ),
    ...Object.keys(config.authorities).map((id) => [`authorities.${id}`, id] as const),
  ]
  return named
    .filter(([, id]) => id !== undefined && !known.includes(id))
    .map(([option, id]) =>
      warning(
        'chain',
        `${option} names "${id}", and there is no such authority.`,
        `Known: ${known.join(', ')}.`,
      ),
    )
}

/** Above each authority, the CAs below the root that are none here, as its chain was installed before they were recorded: their CRLs have no place. */
export function lookAtIssuersBetween({ authorities }: Pick<Situation, 'authorities'>): Finding[] {
  const known = authorities.flatMap(({ certificate }) => (certificate ? [certificate.der] : []))
  return authorities
    .filter(({ role, answers }) => role === 'issuing' && answers)
    .flatMap(({ id, chain }) =>
      chain
        .slice(0, -1)
        .filter((der) => !known.some((one) => one.equals(der)))
        .map((der) =>
          warning(
            'crl',
            `Above "${id}" is "${nameToText(parseCertificate(der).subject)}", whose CRL is not here: who checks the whole chain with what is published refuses everything below it.`,
            `Install the chain of "${id}" again, which records that CA, then bring its CRL ("chancery crl install").`,
          ),
        ),
    )
}

/** A key that nobody needs is one that can be stolen. */
function spent(authorities: Situation['authorities']): Finding[] {
  return authorities
    .filter(({ role, state, answers }) => role === 'issuing' && state === 'retired' && !answers)
    .map(({ id }) =>
      warning(
        'chain',
        `"${id}" is retired, and its last certificate has ended.`,
        `Nothing needs its key any more: delete keys/${id}.key.pem, and its copies.`,
      ),
    )
}

/** Does every `chain` in the configuration name a root that is in the bundles? */
export function lookAtPreferences({ authorities, config }: Situation): Finding[] {
  const roots = authorities
    .filter(({ role, state }) => role === 'root' && state !== 'retired')
    .map(({ id }) => id)
  const wanted = Object.values(config.profiles).map(
    ({ name, chain }) => [`profiles.${name}.chain`, chain] as const,
  )
  return [...wanted, ['tls.chain', config.tls.chain] as const]
    .filter(([, chain]) => chain !== undefined && !roots.includes(chain))
    .map(([option, chain]) =>
      warning(
        'chain',
        `${option} names "${chain}", and no such root is in the bundles.`,
        `Known: ${roots.join(', ')}.`,
      ),
    )
}
