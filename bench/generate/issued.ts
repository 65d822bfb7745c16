import { parseArgs } from 'node:util'
import { generateDirectory } from './directory.ts'

/**
 * A data directory with very many certificates, as of a service that ran for years:
 *
 *     node bench/generate/issued.ts --rows 10000000 --directory /tmp/ten-million
 *
 * Some thousand are really issued by a real service (or those of a stopped one are taken, with `--from`), and then multiplied with
 * other serial numbers, names and times. Signatures and keys stay those of the first ones, so signatures do not verify.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    directory: { type: 'string' },
    from: { type: 'string' },
    seeds: { type: 'string', default: '4000' },
    years: { type: 'string', default: '3' },
  },
})
if (!values.directory) throw new Error('--directory says where the data go')

const started = performance.now()
await generateDirectory(values.directory, {
  ...{ rows: Number(values.rows), seeds: Number(values.seeds), years: Number(values.years) },
  ...(values.from ? { from: values.from } : {}),
  onProgress(rows) {
    const seconds = (performance.now() - started) / 1000
    process.stderr.write(`${rows} rows, ${Math.round(rows / seconds)} a second\n`)
  },
})
