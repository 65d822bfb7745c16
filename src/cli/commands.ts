import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

/** By name, what loads a command. */
export type Commands = Readonly<Record<string, () => Promise<(terminal: Terminal) => Command>>>

/** What runs the service, in a table of its own: its bundle has no other command. */
export const SERVE = { serve: async () => (await import('./serve.ts')).serveCommand } satisfies Commands
