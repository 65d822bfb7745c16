import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Page } from '../../store/queries.ts'

/** Pages by keyset: `after` is the `next` of the page before. */
export const PageQuery = {
  limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,4}$', description: 'At most 1000; 50 if absent.' })),
  after: Type.Optional(
    Type.String({ minLength: 1, maxLength: 1000, description: 'The "next" of the page before.' }),
  ),
}

/** Of the lists that are searched by filters. */
export const SHORT_PAGES =
  'Each request looks at a limited number of rows, so that it is answered quickly whatever the filters are. A page may be short or empty while `next` is there: go on with it until it is null.'

export function readPage({ limit, after }: { limit?: string; after?: string }): Page {
  const count = Number(limit ?? '50')
  if (count < 1 || count > 1000) throw new CaError('malformedRequest', 'limit is 1 to 1000.')
  return { limit: count, ...(after === undefined ? {} : { after }) }
}
