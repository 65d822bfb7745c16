import type { VNode } from 'preact'
import { AcmeAccounts } from '../acme/accounts.tsx'
import { EabKeys } from '../acme/keys.tsx'
import { AcmeOrders } from '../acme/orders.tsx'
import { Approvals } from '../approvals/list.tsx'
import { ApprovalPage } from '../approvals/page.tsx'
import { CertificatePage } from '../certificate/page.tsx'
import { useRoute } from '../route.ts'
import { Audit } from './audit.tsx'
import { Inventory } from './inventory.tsx'
import { NotFound } from './not-found.tsx'
import { Overview } from './overview.tsx'
import { Tokens } from './tokens.tsx'

const PAGES: Readonly<Record<string, () => VNode>> = {
  '': () => <Overview />,
  certificates: () => <Inventory />,
  approvals: () => <Approvals />,
  tokens: () => <Tokens />,
  acme: () => <EabKeys />,
  'acme/keys': () => <EabKeys />,
  'acme/accounts': () => <AcmeAccounts />,
  'acme/orders': () => <AcmeOrders />,
  audit: () => <Audit />,
}

/** Pages of one thing: its name stands behind the folder. */
const FOLDERS: Readonly<Record<string, (name: string) => VNode>> = {
  certificates: (serial) => <CertificatePage key={serial} serial={serial} />,
  approvals: (id) => <ApprovalPage key={id} id={id} />,
}

export function Routes() {
  const { path } = useRoute()
  const page = path.join('/')
  if (Object.hasOwn(PAGES, page)) return PAGES[page]!()
  const [folder = '', name] = path
  if (path.length === 2 && Object.hasOwn(FOLDERS, folder)) return FOLDERS[folder]!(name!)
  return <NotFound />
}
