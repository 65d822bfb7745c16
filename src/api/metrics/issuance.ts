import type { Registry } from 'prom-client'
import { epochSeconds } from '../../clock.ts'
import { counter, gauge, histogram } from '../../metrics/exposition.ts'
import { samplesOf } from '../../metrics/labelled.ts'
import type { Service } from '../../service.ts'
import { httpFigures } from './http-figures.ts'

/** Requests, and the certificates that came of them. */
export function describeIssuance(registry: Registry, service: Service): void {
  const { issuer, acme, store, clock, config } = service
  const http = httpFigures(service)
  counter(
    registry,
    {
      name: 'chancery_issuance_total',
      help: 'Requests for a certificate that were decided, by profile, protocol and result.',
      labels: ['profile', 'protocol', 'result'],
    },
    issuer.figures.results,
  )
  counter(
    registry,
    {
      name: 'chancery_issuance_refusals_total',
      help: 'Requests for a certificate that were refused or failed, by protocol and code of the error.',
      labels: ['protocol', 'code'],
    },
    issuer.figures.refusals,
  )
  histogram(
    registry,
    {
      name: 'chancery_issuance_duration_seconds',
      help: 'Time from a request for a certificate, read, to its durable outcome.',
      labels: ['protocol'],
    },
    issuer.figures.durations,
  )
  gauge(
    registry,
    { name: 'chancery_approvals_pending', help: 'Requests for a certificate that wait for a person.' },
    async () => [{ labels: {}, value: await store.read.countPendingRequests(epochSeconds(clock())) }],
  )
  counter(
    registry,
    {
      name: 'chancery_http_requests_total',
      help: 'Requests that were answered over HTTP, by route, method and status.',
      labels: ['route', 'method', 'status'],
    },
    () => samplesOf(http.requests),
  )
  histogram(
    registry,
    {
      name: 'chancery_http_request_duration_seconds',
      help: 'Time to answer a request over HTTP, by the part of the service.',
      labels: ['part'],
    },
    http.durations,
  )
  if (!config.acme.enabled) return
  gauge(
    registry,
    {
      name: 'chancery_acme_validations_waiting',
      help: 'ACME challenges in memory that wait to be looked at.',
    },
    () => [{ labels: {}, value: acme.validator.waiting }],
  )
  gauge(
    registry,
    { name: 'chancery_acme_validations_running', help: 'ACME challenges that are being looked at.' },
    () => [{ labels: {}, value: acme.validator.running }],
  )
  counter(
    registry,
    {
      name: 'chancery_acme_validations_total',
      help: 'Attempts to validate an ACME challenge, by type and result.',
      labels: ['type', 'result'],
    },
    () => samplesOf(acme.validator.attempts),
  )
}
