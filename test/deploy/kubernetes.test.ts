import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { buildAgentConfig } from '../../src/agent/config.ts'
import { buildConfig } from '../../src/config/config.ts'
import { ENVIRONMENT_ONLY } from '../../src/config/environment.ts'

const FILES = ['chancery.yaml', 'init.yaml', 'agent.yaml'] as const
type FileName = (typeof FILES)[number]

// biome-ignore lint/suspicious/noExplicitAny: manifests have no types here; the tests say what is expected of them
type Any = any

const documents = (file: FileName): Any[] =>
  parseAllDocuments(readFileSync(new URL(`../../deploy/kubernetes/${file}`, import.meta.url), 'utf8')).map(
    (one) => {
      expect(one.errors).toEqual([])
      return one.toJS()
    },
  )
const kind = (file: FileName, wanted: string) => documents(file).find((one) => one.kind === wanted)!
const podOf = (one: Any) => (one.kind === 'Pod' ? one.spec : one.spec.template.spec)
const pods = FILES.flatMap((file) =>
  documents(file)
    .filter((one) => ['Pod', 'Job', 'StatefulSet'].includes(one.kind))
    .map((one) => [one.metadata.name as string, podOf(one)] as const),
)

describe.each(pods)('the pod of %s', (_, pod) => {
  const containers: Any[] = [...(pod.initContainers ?? []), ...pod.containers]

  test('is what the Pod Security Standard "restricted" lets in, with a file system that is only read', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(pod.automountServiceAccountToken).toBe(false)
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) expect(pod[key]).toBeUndefined()
    for (const { securityContext } of containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
    }
    for (const volume of pod.volumes) {
      const [type] = Object.keys(volume).filter((key) => key !== 'name')
      expect(['configMap', 'secret', 'emptyDir', 'persistentVolumeClaim']).toContain(type)
    }
  })

  test('mounts the volumes that it has, and asks its own ports', () => {
    const names = pod.volumes.map(({ name }: Any) => name)
    expect(
      [...new Set(containers.flatMap((one) => one.volumeMounts.map(({ name }: Any) => name)))].sort(),
    ).toEqual(names.sort())
    for (const one of containers) {
      const ports = (one.ports ?? []).map(({ name }: Any) => name)
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
        if (one[probe]) expect(ports).toContain(one[probe].httpGet.port)
    }
  })

  test('sets variables that are read', () => {
    const known = ENVIRONMENT_ONLY.map(({ env }) => env as string)
    for (const { name } of containers.flatMap((one) => one.env ?? [])) expect(known).toContain(name)
  })
})

test('the service reads its options, which agree with its ports, its probes and its NetworkPolicy', () => {
  const file = parse(kind('chancery.yaml', 'ConfigMap').data['chancery.yaml'])
  const config = buildConfig({ dir: '/data/ca', file, environment: {} })
  const service = kind('chancery.yaml', 'Service')
  const set = kind('chancery.yaml', 'StatefulSet')
  const [container] = podOf(set).containers
  // Some 20 s a million certificates on a busy machine, for a database of ten million with room to spare.
  const { periodSeconds, failureThreshold } = container.startupProbe
  expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(1200)
  expect(container.ports).toEqual([
    { name: 'http', containerPort: config.httpPort },
    { name: 'https', containerPort: config.tlsPort },
    { name: 'metrics', containerPort: config.metrics.port },
  ])
  const host = `${service.metadata.name}.${service.metadata.namespace}.svc`
  expect(config.publicUrl).toBe(`http://${host}`)
  expect(config.tls.names).toContain(host)
  expect(service.spec.ports.find(({ name }: Any) => name === 'http').port).toBe(80)
  // Of one pod: where a part is not ready, nobody else would answer for the others, such as OCSP.
  expect(service.spec.publishNotReadyAddresses).toBe(true)
  const labels = set.spec.template.metadata.labels
  for (const selector of [service.spec.selector, set.spec.selector.matchLabels])
    expect(labels).toMatchObject(selector)
  const policy = kind('chancery.yaml', 'NetworkPolicy').spec
  expect(labels).toMatchObject(policy.podSelector.matchLabels)
  expect(policy.ingress.flatMap((one: Any) => one.ports.map(({ port }: Any) => port))).toEqual([
    'http',
    'https',
    'metrics',
  ])
  expect(set.spec.replicas).toBe(1)
  expect(container.args).toEqual(['serve', '--no-init'])
})

test('the job makes the CA where the service finds it, with the same passphrase and address', () => {
  const job = podOf(kind('init.yaml', 'Job'))
  const set = podOf(kind('chancery.yaml', 'StatefulSet'))
  const options = parse(kind('chancery.yaml', 'ConfigMap').data['chancery.yaml'])
  expect(job.containers[0].args).toEqual(['init', '--public-url', options.publicUrl])
  expect(job.containers[0].env).toEqual(set.containers[0].env)
  expect(job.securityContext).toEqual(set.securityContext)
  const volume = (pod: Any, name: string) => pod.volumes.find((one: Any) => one.name === name)
  for (const name of ['data', 'passphrase']) expect(volume(job, name)).toEqual(volume(set, name))
  expect(kind('init.yaml', 'PersistentVolumeClaim').metadata.name).toBe(
    volume(set, 'data').persistentVolumeClaim.claimName,
  )
})

test('the agent reads its options, and finds what they name', () => {
  const config = buildAgentConfig(parse(kind('agent.yaml', 'ConfigMap').data['agent.yaml']))
  const [once, beside] = kind('agent.yaml', 'Pod').spec.initContainers
  expect(once.args).toEqual([...beside.args, '--once'])
  expect(once.volumeMounts).toEqual(beside.volumeMounts)
  const paths = once.volumeMounts.map(({ mountPath }: Any) => mountPath as string)
  const [web] = config.certificates
  for (const path of [config.trust.file, config.state, web!.directory])
    expect(paths.some((mount: string) => path!.startsWith(`${mount}/`))).toBe(true)
  const host = kind('chancery.yaml', 'Service').metadata
  expect(config.services).toEqual([`https://${host.name}.${host.namespace}.svc:8443`])
  expect(beside.ports).toEqual([{ name: 'agent', containerPort: config.listen!.port }])
})
