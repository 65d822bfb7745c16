import { describe, expect, test } from 'vitest'
import { encodePem } from '../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { enrol, openLintCa } from './specimens/ca.ts'

const OID = '1.3.6.1.4.1.32473.1'
const NOW = '2026-03-01T12:00:00Z'

describe.skipIf(toolIsMissing('openssl'))('certificate policies', () => {
  test('of a profile are valid for a relying party that demands them', async () => {
    const ca = await openLintCa(NOW, {
      profiles: { policied: { extends: 'server', policies: [OID] } },
    })
    try {
      const { certificate, chain } = ca.service.authorities.issuing()
      const files = {
        'leaf.pem': encodePem('CERTIFICATE', (await enrol(ca, { profile: 'policied' })).der),
        'issuer.pem': encodePem('CERTIFICATE', certificate.der),
        'root.pem': encodePem('CERTIFICATE', chain[0]!),
      }
      const verify = (policy: string) =>
        runTool(
          'openssl',
          `verify -attime ${Date.parse(NOW) / 1000} -CAfile root.pem -untrusted issuer.pem -explicit_policy -policy ${policy} leaf.pem`.split(
            ' ',
          ),
          files,
        )
      expect(verify(OID)).toBe('leaf.pem: OK\n')
      expect(() => verify('1.3.6.1.4.1.32473.9')).toThrow('no explicit policy')
    } finally {
      await ca.close()
    }
  })
})
