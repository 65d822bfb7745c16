import { existsSync } from 'node:fs'

/**
 * After `npm ci` in a checkout, and before the package is packed: builds the console, so that `npm start` has it. Where the
 * tools to build it were left out (`npm ci --omit=dev`), it is left out too.
 */
if (existsSync(new URL('../node_modules/vite', import.meta.url))) {
  const { build } = await import('vite')
  await build({ configFile: new URL('../console/vite.config.ts', import.meta.url).pathname })
}
