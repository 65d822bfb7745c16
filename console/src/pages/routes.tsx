import { useRoute } from '../route.ts'
import { Inventory } from './inventory.tsx'
import { NotFound } from './not-found.tsx'

export function Routes() {
  const { path } = useRoute()
  const [first = '', ...rest] = path
  if (first === 'certificates' && rest.length === 0) return <Inventory />
  return <NotFound />
}
