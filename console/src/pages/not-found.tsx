import { Page } from '../parts/page.tsx'
import { routeTo } from '../route.ts'

export function NotFound() {
  return (
    <Page title="There is no such page">
      <p>
        Go to the <a href={routeTo('')}>overview</a>.
      </p>
    </Page>
  )
}
