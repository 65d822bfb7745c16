import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { missing, run, tool } from '../scenario/tools.ts'
import { InteropCa, type Member } from './members.ts'

const JAVA = fileURLToPath(new URL('java/CheckChain.java', import.meta.url))

/** Every way in which this CA speaks of revocation, for parsers that are not ours. */
const CASES = [
  ['signed by the authority', ''],
  ['delegated', 'ocsp: { signer: delegated }'],
  [
    'delegated, RSA, by name, with an archive cutoff',
    'ocsp: { signer: delegated, responderKeyType: RSA-3072, responderId: name, archiveCutoff: 1y }',
  ],
  ['signed by the authority, by name', 'ocsp: { responderId: name }'],
  ['partitions and deltas', 'crl: { partitions: 4, delta: true }'],
] as const

describe.each(CASES)('%s', (name, configuration) => {
  let ca: InteropCa
  let good: Member
  let revoked: Member
  let file: (name: string) => string
  beforeAll(async () => {
    // The intermediate and the CRLs of partitions name an address, which must be known beforehand.
    ca = await InteropCa.start(configuration, await freePort())
    good = await ca.enrol('good.example.test')
    revoked = await ca.enrol('revoked.example.test')
    await ca.revoke(revoked.serialNumber)
    file = (one) => join(ca.folder, one)
    ca.write('root.pem', ca.root)
    ca.write('good.pem', good.certificate)
    ca.write('revoked.pem', revoked.certificate)
    const [, issuer] = good.certificate.split(/(?<=END CERTIFICATE-----\n)/)
    ca.write('issuer.pem', issuer!)
  })
  afterAll(() => ca?.service.stop())

  const java = async (by: 'ocsp' | 'crl', whom: 'leaf' | 'chain') => {
    const flags = ['-Dcom.sun.security.enableCRLDP=true', '-Djava.security.egd=file:/dev/urandom']
    const args = [...flags, JAVA, by, whom, file('root.pem'), file('good.pem'), file('revoked.pem')]
    return (await tool(ca.folder, 'java', ...args)).trim().split('\n')
  }

  test.skipIf(missing('javac'))('Java asks by OCSP', async () => {
    expect(await java('ocsp', 'leaf')).toEqual(['good', 'revoked KEY_COMPROMISE'])
  })

  test.skipIf(missing('javac'))(
    'Java fetches the CRL that the certificate names, and the root’s',
    async () => {
      expect(await java('crl', 'chain')).toEqual(['good', 'revoked KEY_COMPROMISE'])
    },
  )

  test.skipIf(missing('certutil', 'ocspclnt', 'vfychain', 'crlutil'))(
    'NSS asks by OCSP, and takes the full CRL',
    async () => {
      const db = `sql:${file('nss')}`
      await tool(ca.folder, 'mkdir', 'nss')
      await tool(ca.folder, 'certutil', '-N', '-d', db, '--empty-password')
      for (const [one, trust] of [
        ['root', 'CT,C,C'],
        ['issuer', ',,'],
        ['good', ',,'],
        ['revoked', ',,'],
      ] as const)
        await tool(
          ca.folder,
          'certutil',
          '-A',
          '-d',
          db,
          '-n',
          one,
          '-t',
          trust,
          '-a',
          '-i',
          file(`${one}.pem`),
        )
      expect(await tool(ca.folder, 'ocspclnt', '-V', 'good', '-u', 's', '-d', db)).toContain('succeeded')
      expect(await tool(ca.folder, 'ocspclnt', '-V', 'revoked', '-u', 's', '-d', db)).toContain(
        'has been revoked',
      )
      ca.write('full.crl', await ca.fetch('/crl/intermediate.crl'))
      await tool(ca.folder, 'crlutil', '-I', '-i', file('full.crl'), '-d', db)
      expect(await tool(ca.folder, 'vfychain', '-d', db, '-u', '1', 'good')).toContain('Chain is good!')
      const chain = await run('vfychain', ['-d', db, '-u', '1', 'revoked'], { cwd: ca.folder })
      expect(chain.stdout + chain.stderr).toContain('has been revoked')
    },
  )

  test.skipIf(missing('openssl'))('openssl and ocsptool verify the responses', async () => {
    for (const [one, status] of [
      ['good', 'good'],
      ['revoked', 'revoked'],
    ] as const) {
      for (const hash of ['-sha1', '-sha256']) {
        const asked = await run(
          'openssl',
          [
            ...[
              'ocsp',
              hash,
              '-issuer',
              'issuer.pem',
              '-cert',
              `${one}.pem`,
              '-url',
              `${ca.service.httpUrl}/ocsp`,
            ],
            ...['-CAfile', 'root.pem', '-verify_other', 'issuer.pem', '-respout', `${one}.ocsp`],
          ],
          { cwd: ca.folder },
        )
        const said = asked.stdout + asked.stderr
        expect(said).toContain('Response verify OK')
        expect(said).toContain(`${one}.pem: ${status}`)
      }
      if (missing('ocsptool')) continue
      const read = await tool(ca.folder, 'ocsptool', '-j', '--infile', `${one}.ocsp`)
      expect(read).toContain(`Certificate Status: ${status}`)
    }
  })

  test.skipIf(missing('certtool'))('certtool reads every CRL', async () => {
    const paths = ['/crl/intermediate.crl', '/crl/root.crl']
    if (configuration.includes('delta')) {
      paths.push('/crl/intermediate/delta.crl', '/crl/intermediate/0.crl', '/crl/intermediate/3/delta.crl')
    }
    for (const path of paths) {
      ca.write('one.crl', await ca.fetch(path))
      const info = await tool(ca.folder, 'certtool', '--crl-info', '--inder', '--infile', 'one.crl')
      expect(info, name).toContain('CRL Number')
      expect(info).not.toContain('error')
    }
  })
})
