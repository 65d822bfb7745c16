import { createPrivateKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { missing } from '../scenario/tools.ts'
import { opensslStatus, visit } from './handshake.ts'
import { NEW_HAPROXY, newHaproxyIsMissing, startHaproxy } from './haproxy.ts'
import { InteropCa, type Member } from './members.ts'
import { timed, until } from './proxy.ts'

let ca: InteropCa
let alice: Member

/** Debian's, and a newer one where there is one: with partitions and deltas, of which it must notice nothing. */
const PROGRAMS = [
  ['HAProxy', 'haproxy', missing('haproxy', 'openssl'), ''],
  [
    'HAProxy 2.8',
    NEW_HAPROXY,
    newHaproxyIsMissing() || missing('openssl'),
    'ocsp: { signer: delegated }\ncrl: { partitions: 4, delta: true }',
  ],
] as const

for (const [name, program, isMissing, configuration] of PROGRAMS)
  describe.skipIf(isMissing)(name, () => {
    beforeAll(async () => {
      ca = await InteropCa.start(configuration, configuration === '' ? 0 : await freePort())
      alice = await ca.enrol('alice.example.test', 'client')
    })
    afterAll(() => ca?.rest.close())

    const start = (prepare?: Parameters<typeof startHaproxy>[2]) => startHaproxy(ca, program, prepare)

    test('staples and refuses what was revoked after a push, without a restart', async () => {
      const { haproxy, port, web, push, as } = await start()
      const mallory = await ca.enrol('mallory.example.test', 'client')
      await until(as(alice), ({ answered }) => answered, haproxy)
      expect((await as(alice)()).staple).toBeNull()
      expect((await as()()).answered).toBe(false)
      expect(await push()).toMatchObject({ status: 0, stdout: expect.stringMatching(/staple .*: live/) })
      expect((await as(mallory)()).answered).toBe(true)
      expect(await as(alice)()).toMatchObject({
        answered: true,
        staple: 'good',
        serialNumber: web.serialNumber,
      })
      expect(await opensslStatus(port, ca.service.rootFile)).toMatch(
        /OCSP Response Status: successful[\s\S]*Cert Status: good/,
      )
      const again = await push()
      expect(again.status).toBe(0)
      expect(again.stdout).not.toContain('live')

      const revoke = (member: Member) => async () => {
        await ca.revoke(member.serialNumber)
        expect((await push()).status).toBe(0)
      }
      await timed(
        'haproxy: client refused',
        revoke(mallory),
        as(mallory),
        ({ answered }) => !answered,
        haproxy,
      )
      expect((await as(alice)()).answered).toBe(true)
      await timed(
        'haproxy: staple revoked',
        revoke(web),
        as(alice),
        ({ staple }) => staple === 'revoked',
        haproxy,
      )
      expect(await opensslStatus(port, ca.service.rootFile)).toContain('Cert Status: revoked')
      await haproxy.stop()
    })

    test('takes a renewed certificate and its staple from the file', async () => {
      const { haproxy, file, push, as } = await start()
      await until(as(alice), ({ answered }) => answered, haproxy)
      expect((await push()).status).toBe(0)
      const next = await ca.enrol('web.example.test')
      writeFileSync(file('web.pem'), `${next.certificate}\n\n${next.key}`)
      const { status, stdout } = await push()
      expect([status, stdout]).toEqual([0, expect.stringMatching(/certificate .*: live\nstaple .*: live/)])
      expect(await as(alice)()).toMatchObject({ staple: 'good', serialNumber: next.serialNumber })

      // A key of another certificate never gets that far.
      writeFileSync(file('web.pem'), (await ca.enrol('web.example.test')).certificate + next.key)
      const wrong = await push()
      expect(wrong.status).not.toBe(0)
      expect(wrong.stderr).toContain('belongs to another certificate')
      await haproxy.stop()
    })

    test('lives on where it can take no newer certificate after a CRL, and says so until it is reloaded', async () => {
      const { haproxy, file, push, restart, as } = await start()
      await until(as(alice), ({ answered }) => answered, haproxy)
      await ca.revoke((await ca.enrol('some.example.test')).serialNumber)
      expect((await push()).stdout).toMatch(/CRLs .*: live/)
      const next = await ca.enrol('web.example.test')
      writeFileSync(file('web.pem'), next.certificate + next.key)
      writeFileSync(file('roots.pem'), `${ca.root}\n`)
      for (let times = 0; times < 2; times++) {
        const { status, stdout, stderr } = await push()
        const { serialNumber } = await as(alice)()
        if (status === 0) expect(serialNumber).toBe(next.serialNumber)
        else expect([stdout, stderr]).toEqual([expect.anything(), expect.stringMatching(/must be reloaded/)])
        expect(haproxy.hasEnded).toBe(false)
      }
      await haproxy.stop()
      const reloaded = restart()
      await until(as(alice), ({ serialNumber }) => serialNumber === next.serialNumber, reloaded)
      expect((await push()).status).toBe(0)
      await reloaded.stop()
    })

    test('has the staple at its start where the file was written while it was away', async () => {
      const { haproxy, push, restart, as } = await start()
      await haproxy.stop()
      const { status, stderr } = await push()
      expect(status).not.toBe(0)
      expect(stderr).toContain('cannot be reached')
      const again = restart()
      await until(as(alice), ({ staple }) => staple === 'good', again)
      await again.stop()
    })

    test('gets what an earlier push wrote and could not bring', async () => {
      const { haproxy, push, as } = await start()
      const mallory = await ca.enrol('mallory.example.test', 'client')
      await until(as(mallory), ({ answered }) => answered, haproxy)
      expect((await push()).status).toBe(0)
      await ca.revoke(mallory.serialNumber)
      expect((await push('--socket', '/nowhere/admin.sock')).status).not.toBe(0)
      expect((await as(mallory)()).answered).toBe(true)
      expect(await push()).toMatchObject({ status: 0, stdout: expect.stringMatching(/CRLs .*: live/) })
      expect((await as(mallory)()).answered).toBe(false)
      expect(await push()).toMatchObject({ status: 0, stdout: expect.not.stringContaining('live') })
      await haproxy.stop()
    })

    test('gets the CRLs though a certificate cannot be served', async () => {
      const { haproxy, file, push, as } = await start()
      const mallory = await ca.enrol('mallory.example.test', 'client')
      await until(as(mallory), ({ answered }) => answered, haproxy)
      await ca.revoke(mallory.serialNumber)
      const failed = await push('--certificate', file('missing.pem'))
      expect(failed.status).not.toBe(0)
      expect(failed.stdout).toMatch(/CRLs .*: live\nstaple .*: live\ncertificate .*missing.pem: failed/)
      expect((await as(mallory)()).answered).toBe(false)
      await haproxy.stop()
    })

    test('staples where the issuer is in a file of its own', async () => {
      const { haproxy, port, file, push } = await start((file, web) => {
        const [leaf, issuer] = web.certificate.split(/(?<=END CERTIFICATE-----\n)/)
        writeFileSync(file('web.pem'), leaf + web.key)
        writeFileSync(file('web.pem.issuer'), issuer!)
      })
      // HAProxy does not send the issuer then.
      const root = ca.root + readFileSync(file('web.pem.issuer'), 'utf8')
      const look = () => visit({ port, root, identity: alice })
      await until(look, ({ answered }) => answered, haproxy)
      const pushed = await push()
      expect(pushed).toMatchObject({ status: 0, stdout: expect.stringMatching(/staple .*: live/) })
      expect((await look()).staple).toBe('good')
      await haproxy.stop()
    })

    test('is told what is wrong with a key that cannot be read', async () => {
      const { haproxy, file, push, as } = await start()
      await until(as(alice), ({ answered }) => answered, haproxy)
      const next = await ca.enrol('web.example.test')
      const key = createPrivateKey(next.key)
      const sealed = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      writeFileSync(file('web.pem'), next.certificate + sealed)
      const { status, stderr } = await push()
      expect([status, stderr]).toEqual([2, expect.stringMatching(/private key in .*web.pem cannot be read/)])
      await haproxy.stop()
    })

    test('a CRL past its buffer is written for a reload, and the command says what to change', async () => {
      const { haproxy, file, push, restart, as } = await start()
      await until(as(alice), ({ answered }) => answered, haproxy)
      const many = await Promise.all(Array.from({ length: 400 }, (_, n) => ca.enrol(`many${n}.example.test`)))
      await Promise.all(many.map(({ serialNumber }) => ca.revoke(serialNumber)))
      const mark = file('reloaded')
      // It says so for as long as HAProxy does not have it.
      for (let times = 0; times < 2; times++) {
        const failed = await push()
        expect(failed.status).not.toBe(0)
        expect(failed.stderr).toMatch(/must be reloaded[\s\S]*tune\.bufsize/)
      }
      expect(readFileSync(file('crls.pem'))).toEqual(await ca.fetch('/bundles/roots.crl.pem'))
      expect((await as(alice)()).answered).toBe(true)
      await ca.revoke((await ca.enrol('one-more.example.test')).serialNumber)
      const reloading = await push('--reload-command', `touch ${mark}`)
      expect(reloading.status, reloading.stderr).toBe(0)
      expect(readFileSync(mark, 'utf8')).toBe('')
      await haproxy.stop()
      const reloaded = restart()
      await until(as(alice), ({ answered }) => answered, reloaded)
      expect(await push()).toMatchObject({ status: 0, stdout: expect.stringMatching(/CRLs .*: unchanged/) })
      await reloaded.stop()
    })

    test('a file that its configuration does not name is an error, whatever is reloaded', async () => {
      const { haproxy, file, push, as } = await start()
      await until(as(alice), ({ answered }) => answered, haproxy)
      const { status, stderr } = await push('--crl-file', file('other.pem'), '--reload-command', 'true')
      expect([status, stderr]).toEqual([1, expect.stringMatching(/its configuration names no .*other\.pem/)])
      await haproxy.stop()
    })

    test('needs a current CRL of the root in the file, which the bundle has', async () => {
      const { haproxy, as, port } = await start((file) => {
        const [own] = readFileSync(file('crls.pem'), 'utf8').split(/(?<=END X509 CRL-----\n)/)
        writeFileSync(file('crls.pem'), own!)
      })
      await until(as(alice), ({ serialNumber }) => serialNumber !== null, haproxy)
      expect((await as(alice)()).answered).toBe(false)
      expect(port).toBeGreaterThan(0)
      await haproxy.stop()
    })

    test('does not start with a CRL that is DER, which the bundle never is', async () => {
      const der = await ca.fetch('/crl/intermediate.crl')
      const { haproxy } = await start((file) => writeFileSync(file('crls.pem'), der))
      await haproxy.exited
      expect(haproxy.output).toContain('crl')
    })
  })
