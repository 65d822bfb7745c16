import { InteropCa } from '../members.ts'
import type { ChallengePorts } from './challenges.ts'

/** The CA as clients meet it. */
export interface AcmeCa {
  /** URL of the directory. */
  readonly directory: string
  /** PEM: what clients trust, for the CA's own address and for what it issues. */
  readonly rootFile: string
  readonly ocspUrl: string
  /** By an admin, for clients that cannot. */
  revoke(serialNumber: string): Promise<unknown>
  stop(): Promise<unknown>
}

/** A Chancery of its own, as a process, that looks for answers to challenges at these ports. */
export async function startCa({ http, tls, dns }: ChallengePorts): Promise<AcmeCa> {
  const { service, rest } = await InteropCa.start(`
acme:
  profiles: [server, peer]
  validation: { httpPort: ${http}, tlsPort: ${tls}, resolvers: ["127.0.0.1:${dns}"] }
profiles:
  server:
    names: { dns: { wildcards: true } }
`)
  return {
    directory: `${service.tlsUrl}/acme/directory`,
    rootFile: service.rootFile,
    ocspUrl: `${service.httpUrl}/ocsp`,
    revoke: (serialNumber) =>
      rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } }),
    async stop() {
      rest.close()
      await service.stop()
    },
  }
}
