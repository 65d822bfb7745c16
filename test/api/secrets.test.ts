import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, PASSPHRASE, ROOT_PASSPHRASE, TestCa } from './ca-fixture.ts'
import { csrPem, keyPem, newKey } from './requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
  await ca.listen()
})
afterAll(() => ca.close())

test('through a whole life, no secret gets into log, audit or any answer that is not its own', async () => {
  const answers: string[] = []
  const call: TestCa['call'] = async (...args) => {
    const answer = await ca.call(...args)
    answers.push(answer.text)
    return answer
  }
  const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
  const key = newKey()
  const csr = csrPem(['dns:a.example.test'], { key })
  const issued = await call('/v1/certificates', { as: token, body: { csr } })
  expect(issued.status).toBe(201)
  const { serialNumber, certificate } = issued.json
  const identity = { key: keyPem(key), certificate }
  const renewed = await ca.send(`/v1/certificates/${serialNumber}/renew`, { identity })
  expect(renewed.status).toBe(201)
  answers.push(renewed.text)

  // Everything that goes wrong with a secret in it.
  expectProblem(await call('/v1/certificates', { as: token, body: { csr } }), 403, 'tokenSpent')
  expectProblem(await call('/v1/certificates', { as: `${token}x`, body: { csr } }), 401, 'unauthenticated')
  expectProblem(
    await call('/v1/certificates', { as: null, headers: { authorization: `Basic ${ca.adminKey}` } }),
    401,
    'unauthenticated',
  )
  expectProblem(await call('/v1/certificates', { body: { csr: keyPem(key) } }), 400, 'malformedCsr')
  expectProblem(
    await call('/v1/certificates', { body: keyPem(key), headers: { 'content-type': 'text/plain' } }),
    400,
    'malformedCsr',
  )
  await call(`/v1/certificates?access_token=${token}`, {})
  await call(`/v1/certificates/${serialNumber}?key=${ca.adminKey}`, {})
  expectProblem(
    await call('/v1/authorities/intermediate/certificate', {
      method: 'PUT',
      body: keyPem(key),
      headers: { 'content-type': 'text/plain' },
    }),
    400,
    'malformedPem',
  )
  const made = await call('/v1/authorities', { body: { id: 'second', subject: 'CN=Second' } })
  expect(made.status).toBe(201)
  for (const path of [
    '/v1/tokens',
    '/v1/audit?limit=1000',
    '/v1/authorities',
    '/v1/profiles',
    '/v1/certificates',
    '/readyz',
  ]) {
    expect((await call(path)).status).toBe(200)
  }
  await call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'keyCompromise' } })

  const privateScalar = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url')
    .toString('base64')
    .slice(0, 40)
  const secrets = {
    'the admin key': ca.adminKey,
    'the token': token,
    'the passphrase': PASSPHRASE,
    'the root’s passphrase': ROOT_PASSPHRASE,
    'a private key': 'PRIVATE KEY',
    'a private key’s number': privateScalar,
    'an authority’s key file': readFileSync(join(ca.directory, 'keys', 'intermediate.key.pem'), 'utf8').split(
      '\n',
    )[1]!,
  }
  const { rows } = await ca.service.store.read.listAudit({}, { limit: 1000 })
  const audit = withoutLabels(JSON.stringify(rows))
  const log = ca.log.join('')
  expect(ca.log.length).toBeGreaterThan(15)
  // What is looked for would be found: the log has the requests, the audit the token's number.
  expect(log).toContain(`/v1/certificates/${serialNumber}/renew`)
  expect(audit).toContain('token:')
  for (const [what, secret] of Object.entries(secrets)) {
    expect(log.includes(secret), `the log has ${what}`).toBe(false)
    expect(audit.includes(secret), `the audit has ${what}`).toBe(false)
    const shown = withoutLabels(answers.join(''))
    expect(shown.includes(secret), `an answer has ${what}`).toBe(false)
  }
})

/** A refusal may name the label of a PEM block that has no business there: its quotes tell it from a block's own line. */
function withoutLabels(json: string): string {
  return json.replaceAll('\\"PRIVATE KEY\\"', '')
}

test('the database holds hashes, and no secret', async () => {
  const { token } = await ca.token({ names: { dns: ['b.example.test'] } })
  await ca.reopen()
  const file = readFileSync(ca.service.store.databaseFile)
  for (const secret of [token, ca.adminKey, PASSPHRASE]) expect(file.includes(secret)).toBe(false)
  expect(file.includes('dns:b.example.test')).toBe(true)
})
