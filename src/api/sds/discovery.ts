import { fileURLToPath } from 'node:url'
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { CaError } from '../../errors.ts'
import { packageFile } from '../../package-files.ts'
import { SECRET_TYPE, type Secret, type SecretContent } from '../../sds/secret.ts'

const PROTO = fileURLToPath(packageFile('proto/secret-discovery.proto'))

/** What Envoy is answered (xDS v3). */
export interface DiscoveryResponse {
  readonly version_info: string
  readonly resources: readonly { readonly type_url: string; readonly value: SecretContent }[]
  readonly type_url: string
  readonly nonce: string
}

export function serviceDefinition(): ServiceClientConstructor['service'] {
  const loaded = loadPackageDefinition(loadSync(PROTO, { keepCase: true, defaults: true }))
  // biome-ignore lint/suspicious/noExplicitAny: the tree has the shape of the package's name in the file
  return (loaded as any).envoy.service.secret.v3.SecretDiscoveryService.service
}

export function response({ content, version }: Secret, nonce: string): DiscoveryResponse {
  const resources = [{ type_url: SECRET_TYPE, value: content }]
  return { version_info: version, resources, type_url: SECRET_TYPE, nonce }
}

export function checkType(type: string): void {
  if (type === '' || type === SECRET_TYPE) return
  throw new CaError('malformedRequest', `Nothing of the type "${type.slice(0, 200)}" is discovered here.`)
}
