// A receiver of OTLP over HTTP, in its JSON form: decodes strictly what comes, and prints each span as a line of JSON.
import { createServer } from 'node:http'

const only = (object, keys, what) => {
  for (const key of Object.keys(object)) if (!keys.includes(key)) throw new Error(`${what} has "${key}"`)
}
const matching = (pattern, text, what) => {
  if (typeof text !== 'string' || !pattern.test(text)) throw new Error(`${what} is ${JSON.stringify(text)}`)
  return text
}
const attributes = (list) =>
  Object.fromEntries(
    list.map(({ key, value }) => {
      const [[type, inner], ...more] = Object.entries(value)
      if (more.length > 0 || !['stringValue', 'boolValue', 'intValue'].includes(type))
        throw new Error(`${key}: ${type}`)
      return [key, type === 'intValue' ? Number(matching(/^-?\d+$/, inner, key)) : inner]
    }),
  )

function* decode({ resourceSpans }, headers) {
  for (const { resource, scopeSpans } of resourceSpans) {
    for (const { scope, spans } of scopeSpans) {
      for (const span of spans) {
        only(
          span,
          [
            ...['traceId', 'traceState', 'spanId', 'parentSpanId', 'name', 'kind'],
            ...['startTimeUnixNano', 'endTimeUnixNano', 'attributes', 'status'],
          ],
          'a span',
        )
        const start = BigInt(matching(/^\d{19}$/, span.startTimeUnixNano, 'start'))
        const end = BigInt(matching(/^\d{19}$/, span.endTimeUnixNano, 'end'))
        if (end < start) throw new Error(`${span.name} ends before it starts`)
        if (![1, 2].includes(span.kind)) throw new Error(`kind ${span.kind}`)
        yield {
          traceId: matching(/^[0-9a-f]{32}$/, span.traceId, 'traceId'),
          traceState: span.traceState ?? '',
          spanId: matching(/^[0-9a-f]{16}$/, span.spanId, 'spanId'),
          parentId:
            span.parentSpanId === undefined ? null : matching(/^[0-9a-f]{16}$/, span.parentSpanId, 'parent'),
          name: matching(/^.+$/, span.name, 'name'),
          kind: span.kind,
          start: String(start),
          end: String(end),
          failed: span.status.code === 2,
          attributes: attributes(span.attributes),
          service: attributes(resource.attributes)['service.name'],
          scope: scope.name,
          headers,
        }
      }
    }
  }
}

let refusals = Number(process.env.REFUSALS ?? 0)
createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  if (refusals-- > 0) return response.writeHead(503).end()
  try {
    if (`${request.method} ${request.url}` !== 'POST /v1/traces') throw new Error(request.url)
    if (request.headers['content-type'] !== 'application/json')
      throw new Error(request.headers['content-type'])
    for (const span of decode(JSON.parse(text), request.headers)) console.log(JSON.stringify(span))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}')
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }))
    response.writeHead(400).end()
  }
}).listen(0, '127.0.0.1', function () {
  console.log(JSON.stringify({ port: this.address().port }))
})
