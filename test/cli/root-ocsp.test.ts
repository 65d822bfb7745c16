import { sign } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exchange } from '../../src/client/transport.ts'
import { makeRootResponse } from '../../src/ocsp/root-response.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { bitString, sequence } from '../../src/pki/der/write.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, nonce, ocspRequest } from '../ocsp/ocsp-request.ts'
import { newKeyPair } from '../pki/certificate/sample.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { chancery } from './console.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
beforeAll(async () => {
  service = await runService()
  for (const path of ['ca/intermediate.pem', 'ca/root.pem', 'crl/root.pem']) {
    writeFileSync(file(path.replace('/', '-')), await fetched(`/${path}`))
  }
})
afterAll(() => service.close())

const file = (name: string) => join(service.work, name)
const pemFile = (name: string) => parseCertificate(decodePem(readFileSync(file(name), 'utf8'), name)[0]!.der)
const root = () => pemFile('ca-root.pem')
const intermediate = () => pemFile('ca-intermediate.pem')
const rootCommand = (name: 'crl' | 'ocsp', ...options: string[]) =>
  chancery(['root', name, '--root-folder', join(service.dir, 'root-offline'), ...options])

async function fetched(path: string): Promise<string> {
  const { status, body } = await exchange({ url: new URL(path, service.httpUrl), method: 'GET', headers: {} })
  expect(status).toBe(200)
  return body.toString('latin1')
}

async function ask(hash: 'sha1' | 'sha256' = 'sha1', extensions: Buffer[] = []) {
  const request = ocspRequest([certId(root(), intermediate().serialNumber, hash)], extensions)
  const { body } = await exchange({
    url: new URL('/ocsp', service.httpUrl),
    method: 'POST',
    headers: { 'content-type': 'application/ocsp-request' },
    body: request,
  })
  return readAnswer(body, { certificate: root() })
}

test('the root’s responses are signed where its key is, brought, and handed out until they end', async () => {
  expect((await ask()).status).toBe('unauthorized')
  const common = ['--certificate', file('ca-intermediate.pem'), '--out', file('responses')]
  const made = await rootCommand('ocsp', ...common, '--crl', file('crl-root.pem'))
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  const name = `${intermediate().serialNumber}.ocsp`
  expect(made.stdout).toContain(`${name}: good, valid until`)
  expect(readdirSync(file('responses'))).toEqual([name])

  const installed = await service.command('ocsp', 'install', 'root', join(file('responses'), name))
  expect(installed).toMatchObject({ exitCode: 0, stderr: '' })
  expect(installed.stdout).toContain(`says of ${intermediate().serialNumber}: good, until`)
  expect((await ask()).singles).toMatchObject([{ status: 'good' }])
  // A nonce cannot be in what was signed before.
  expect(await ask('sha1', [nonce(16)])).toMatchObject({ nonce: null, singles: [{ status: 'good' }] })
  expect((await ask('sha256')).status).toBe('unauthorized')

  const ready = JSON.parse(await fetched('/readyz')) as { checks: { name: string; reason: string | null }[] }
  expect(ready.checks.find(({ name: one }) => one === 'ocsp:root')).toMatchObject({
    name: 'ocsp:root',
    ok: true,
    reason: null,
  })

  const again = await service.command('ocsp', 'install', 'root', join(file('responses'), name))
  expect(again.exitCode).not.toBe(0)
  expect(again.stderr).toContain('is here already')
})

test('what is revoked in the root’s CRL is revoked in the response, by any hash', async () => {
  const serial = intermediate().serialNumber
  const revoke = ['--revoke', `${serial}:cACompromise`, '--previous', file('crl-root.pem')]
  expect((await rootCommand('crl', ...revoke, '--out', file('next.pem'))).exitCode).toBe(0)
  const made = await rootCommand(
    'ocsp',
    ...['--certificate', file('ca-intermediate.pem'), '--crl', file('next.pem')],
    ...['--hash', 'SHA-256', '--validity', '30d', '--out', file('revoked'), '--json'],
  )
  expect(JSON.parse(made.stdout)).toMatchObject({ responses: [{ serialNumber: serial, status: 'revoked' }] })
  const { exitCode } = await service.command(
    'ocsp',
    'install',
    'root',
    join(file('revoked'), `${serial}.ocsp`),
  )
  expect(exitCode).toBe(0)
  expect((await ask('sha256')).singles).toMatchObject([{ status: 'revoked', reason: 2 }])
  // It ends within 30 days, and somebody has to fetch the key in time.
  expect(await fetched('/readyz')).toMatch(
    /ocsp:root[^}]*An OCSP response of it ends at [^}]*chancery ocsp install root/,
  )
})

test('what does not fit is refused with the reason', async () => {
  const serial = intermediate().serialNumber
  const response = join(file('revoked'), `${serial}.ocsp`)
  const torn = readFileSync(response)
  torn[torn.length - 1]! ^= 1
  writeFileSync(file('torn.ocsp'), torn)
  const broken = await service.command('ocsp', 'install', 'root', file('torn.ocsp'))
  expect(broken.stderr).toContain('signature does not verify')
  const wrong = await service.command('ocsp', 'install', 'intermediate', response)
  expect(wrong.stderr).toContain('the service signs its OCSP responses by itself')
  const foreign = await rootCommand(
    'ocsp',
    ...['--certificate', file('ca-root.pem'), '--crl', file('ca-root.pem'), '--out', file('none')],
  )
  expect(foreign.exitCode).not.toBe(0)
  const hash = await rootCommand(
    'ocsp',
    ...[
      '--certificate',
      file('ca-root.pem'),
      '--crl',
      file('crl-root.pem'),
      '--out',
      file('none'),
      '--hash',
      'md5',
    ],
  )
  expect(hash.stderr).toContain('Known: sha1, sha256')
})

test('nothing is signed about a certificate that has the root’s name as its issuer and another’s signature', async () => {
  const { tbs, signatureAlgorithm } = intermediate()
  const forged = sequence(
    tbs,
    signatureAlgorithm.der,
    bitString(sign('sha256', tbs, newKeyPair().privateKey)),
  )
  writeFileSync(file('forged.pem'), encodePem('CERTIFICATE', forged))
  const made = await rootCommand(
    'ocsp',
    ...['--certificate', file('forged.pem'), '--crl', file('crl-root.pem'), '--out', file('forged')],
  )
  expect(made.exitCode).not.toBe(0)
  expect(made.stderr).toContain('not by this root')
})

test.skipIf(toolIsMissing('openssl'))('openssl takes the response', async () => {
  const name = `${intermediate().serialNumber}.ocsp`
  const output = runTool('openssl', [
    ...['ocsp', '-issuer', file('ca-root.pem'), '-cert', file('ca-intermediate.pem'), '-no_nonce'],
    ...['-respin', join(file('responses'), name), '-CAfile', file('ca-root.pem')],
  ])
  expect(output).toContain('good')
})

test('nothing is signed from a CRL of the root that is not current', async () => {
  const crl = decodePem(readFileSync(file('crl-root.pem'), 'utf8'), 'crl')[0]!.der
  const { thisUpdate, nextUpdate } = parseCrl(crl, 'badCrl')
  const wish = { certificate: intermediate().der, crl, validity: 3600, hash: 'sha1' as const }
  const at = (seconds: number) =>
    makeRootResponse(
      { id: 'root', certificate: root(), signer: null as never },
      wish,
      new Date(seconds * 1000),
    )
  for (const seconds of [thisUpdate - 1, nextUpdate!]) {
    await expect(at(seconds)).rejects.toMatchObject({
      code: 'badCrl',
      detail: expect.stringContaining('root crl'),
    })
  }
})
