import { brotliCompressSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

/** Beside each text its smaller form, so that nothing is compressed while somebody waits. */
const compressed: Plugin = {
  name: 'compressed',
  generateBundle: {
    order: 'post',
    handler(_options, bundle) {
      for (const [fileName, file] of Object.entries(bundle)) {
        const text = file.type === 'chunk' ? file.code : file.source
        this.emitFile({ type: 'asset', fileName: `${fileName}.br`, source: brotliCompressSync(text) })
      }
    },
  },
}

export default defineConfig({
  root: import.meta.dirname,
  // The service may be mounted anywhere.
  base: './',
  build: {
    target: 'es2024',
    // No data: URLs, and no polyfill inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    emptyOutDir: true,
    // How long the compression takes is no news.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [compressed],
  logLevel: 'warn',
})
