import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServiceProcess } from './harness.ts'
import { command, tool, workFolder } from './tools.ts'

/** `-newkey` and what goes with it, for every kind of leaf key. */
export const NEW_KEY = {
  'P-256': 'ec -pkeyopt ec_paramgen_curve:P-256',
  'P-384': 'ec -pkeyopt ec_paramgen_curve:P-384',
  'P-521': 'ec -pkeyopt ec_paramgen_curve:P-521',
  'RSA-2048': 'rsa:2048',
  'RSA-3072': 'rsa:3072',
  'RSA-4096': 'rsa:4096',
  Ed25519: 'ed25519',
  'RSA-1024': 'rsa:1024',
  'P-224': 'ec -pkeyopt ec_paramgen_curve:P-224',
  secp256k1: 'ec -pkeyopt ec_paramgen_curve:secp256k1',
} as const

/** `openssl req`: leaves `name`.key and `name`.csr in the folder. `san` as openssl has it: "DNS:web.example.test". */
export async function openSslRequest(
  folder: string,
  name: string,
  san: string,
  { key = 'P-256', subject = '/' }: { key?: keyof typeof NEW_KEY; subject?: string } = {},
): Promise<void> {
  const line = `openssl req -new -newkey ${NEW_KEY[key]} -nodes -keyout ${name}.key -out ${name}.csr -subj ${subject} -addext`
  await tool(folder, ...splitOnce(line), `subjectAltName=${san}`)
}

function splitOnce(line: string): [string, ...string[]] {
  return line.split(' ') as [string, ...string[]]
}

/**
 * Curl against the TLS listener, in the folder; the root must be there as root.pem. Gives the body; a status other than
 * `status` fails the test.
 */
export async function curlTls(
  folder: string,
  service: ServiceProcess,
  path: string,
  args: readonly string[] = [],
  status = 200,
): Promise<string> {
  const output = await tool(
    folder,
    'curl',
    ...[
      '--silent',
      '--show-error',
      '--cacert',
      join(service.directory, 'root.pem'),
      '--write-out',
      '\n%{http_code}',
    ],
    ...['--connect-to', '::127.0.0.1:', ...args, service.tlsUrl + path],
  )
  const cut = output.lastIndexOf('\n')
  if (output.slice(cut + 1) !== String(status)) throw new Error(`${path} was not ${status}: ${output}`)
  return output.slice(0, cut)
}

/** Enrols `name`.csr with the admin key; leaves `name`.pem, leaf and intermediates. */
export async function enrolWithCurl(
  folder: string,
  service: ServiceProcess,
  name: string,
  query = '',
): Promise<void> {
  await curlTls(
    folder,
    service,
    `/v1/certificates${query}`,
    [
      ...[
        '--header',
        `Authorization: Bearer ${service.adminKey}`,
        '--header',
        'Content-Type: application/pkcs10',
      ],
      ...[
        '--header',
        'Accept: application/pem-certificate-chain',
        '--data-binary',
        `@${name}.csr`,
        '--output',
        `${name}.pem`,
      ],
    ],
    201,
  )
}

/** Lower-case hexadecimal, of the first certificate in a PEM file. */
export async function serialOf(folder: string, file: string): Promise<string> {
  const text = await command(folder, `openssl x509 -in ${file} -noout -serial`)
  return text.trim().replace('serial=', '').toLowerCase()
}

/** A folder with what a relying party has: root.pem, chain.pem (the intermediates) and crls.pem, fetched by curl. */
export async function relyingParty(
  service: ServiceProcess,
  authorities: readonly string[] = ['intermediate'],
): Promise<string> {
  const folder = workFolder()
  await command(folder, `curl -sSf ${service.httpUrl}/bundles/roots.pem -o root.pem`)
  await command(folder, `curl -sSf ${service.httpUrl}/bundles/chain.pem -o chain.pem`)
  await fetchCrls(folder, service, authorities)
  return folder
}

/** Fetches the CRL of the root and of each authority into crls.pem. */
export async function fetchCrls(
  folder: string,
  service: ServiceProcess,
  authorities: readonly string[] = ['intermediate'],
) {
  const crls = await Promise.all(
    ['root', ...authorities].map((id) => command(folder, `curl -sSf ${service.httpUrl}/crl/${id}.pem`)),
  )
  writeFileSync(join(folder, 'crls.pem'), crls.join(''))
}

/** openssl's strictest verification of one certificate, CRLs of the whole chain included. */
export const STRICT_VERIFY =
  'openssl verify -x509_strict -crl_check_all -CAfile root.pem -untrusted chain.pem -CRLfile crls.pem'
