import { type Commands, SERVE } from './commands.ts'

/** In the order in which they are shown. Each is loaded when it is run: none waits for all the others. */
export const COMMANDS: Commands = {
  init: async () => (await import('./init.ts')).initCommand,
  ...SERVE,
  cert: async () => (await import('./cert.ts')).certCommand,
  token: async () => (await import('./token.ts')).tokenCommand,
  est: async () => (await import('./est.ts')).estCommand,
  acme: async () => (await import('./acme.ts')).acmeCommand,
  request: async () => (await import('./request.ts')).requestsCommand,
  crl: async () => (await import('./crl.ts')).crlCommand,
  ocsp: async () => (await import('./ocsp.ts')).ocspCommand,
  authority: async () => (await import('./authority.ts')).authorityCommand,
  root: async () => (await import('./root.ts')).rootCommand,
  key: async () => (await import('./key.ts')).keyCommand,
  bundle: async () => (await import('./bundle.ts')).bundleCommand,
  envoy: async () => (await import('./envoy.ts')).envoyCommand,
  haproxy: async () => (await import('./haproxy.ts')).haproxyCommand,
  agent: async () => (await import('./agent.ts')).agentCommand,
  audit: async () => (await import('./audit.ts')).auditCommand,
  'admin-key': async () => (await import('./admin-key.ts')).adminKeyCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  backup: async () => (await import('./backup.ts')).backupCommand,
  restore: async () => (await import('./restore.ts')).restoreCommand,
}
