import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { AcmeAccountRow } from '../../store/acme-queries.ts'
import { adminOf, originOf } from '../caller.ts'
import { KeyLimits } from './acme-eab-keys.ts'
import { PageQuery, readPage } from './paging.ts'
import { IdParams, Nullable, oneOf, showTime, showTimeOrNull, Time } from './schemas.ts'

const AccountView = Type.Object({
  id: Type.Integer(),
  status: oneOf('valid', 'deactivated', 'revoked'),
  contacts: Type.Array(Type.String()),
  thumbprint: Type.String({ description: 'Of the account’s key: RFC 7638, base64url.' }),
  termsAgreedAt: Nullable(Time),
  externalKey: Nullable(
    Type.Object(KeyLimits, { description: 'The key that it was bound with, and what that allows.' }),
  ),
  createdAt: Time,
  createdFrom: Type.String({ description: 'Address.' }),
})

/** ACME accounts, as admins see them. */
export const acmeAccountRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (
  app,
  { service },
) => {
  const { store, acme } = service
  const tags = ['acme']
  const accountOf = async (id: string): Promise<AcmeAccountRow> => {
    const row = await store.read.acmeAccount(Number(id))
    if (!row) throw new CaError('notFound', `There is no ACME account ${id}.`)
    return row
  }

  app.get(
    '/v1/acme/accounts',
    {
      schema: {
        summary: 'List ACME accounts',
        description: 'Newest first.',
        tags,
        querystring: Type.Object(
          {
            externalKey: Type.Optional(
              Type.String({ minLength: 1, maxLength: 64, description: 'The kid that they were bound with.' }),
            ),
            ...PageQuery,
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ accounts: Type.Array(AccountView), next: Nullable(Type.String()) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { externalKey = null, ...page } = request.query
      const { rows, next } = await store.read.listAcmeAccounts(externalKey, readPage(page))
      return { accounts: rows.map(show), next }
    },
  )

  app.get(
    '/v1/acme/accounts/:id',
    { schema: { summary: 'One ACME account', tags, params: IdParams, response: { 200: AccountView } } },
    async (request) => {
      await adminOf(request, service)
      return show(await accountOf(request.params.id))
    },
  )

  app.post(
    '/v1/acme/accounts/:id/deactivate',
    {
      schema: {
        summary: 'End an ACME account',
        description:
          'For good: its status is then "revoked", its open orders and its authorizations end, its key opens no other account. Its certificates stay.',
        tags,
        params: IdParams,
        response: { 200: Type.Object({ ...AccountView.properties, changed: Type.Boolean() }) },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id } = request.params
      const { changed } = await acme.accounts.revoke(Number(id), admin, originOf(request))
      return { ...show(await accountOf(id)), changed }
    },
  )
}

function show({ thumbprint, ...row }: AcmeAccountRow): Static<typeof AccountView> {
  return {
    id: row.accountId,
    status: row.status,
    contacts: row.contacts,
    thumbprint: thumbprint.toString('base64url'),
    termsAgreedAt: showTimeOrNull(row.termsAgreedAt),
    externalKey: row.external,
    createdAt: showTime(row.createdAt),
    createdFrom: row.createdFrom,
  }
}
