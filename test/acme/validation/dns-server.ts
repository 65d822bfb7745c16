import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'

const TYPE = { A: 1, CNAME: 5, TXT: 16, AAAA: 28, CAA: 257 } as const
const RCODE = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const

export type RecordType = keyof typeof TYPE
/** TXT: the strings of one record, at most 255 octets each. CAA: flags, tag, value. */
export type Data = string | readonly string[] | readonly [flags: number, tag: string, value: string]

/**
 * What a name has, by type. A function is asked at each query, so that answers may change in between; what is asked of a type with
 * "silence" is dropped.
 */
export type Answers = Partial<
  Record<RecordType, readonly Data[] | ((count: number) => readonly Data[]) | 'silence'>
>

export interface Zone {
  readonly [name: string]: Answers | 'SERVFAIL' | 'REFUSED' | 'silence'
}

export interface DnsServer {
  /** "127.0.0.1:5353", as the resolver's options have it. */
  readonly address: string
  /** What was asked, in order: "udp A web.example.test". */
  readonly queries: string[]
  readonly connections: ReadonlySet<Socket>
  close(): Promise<void>
}

export interface DnsServerOptions {
  /** Whether UDP answers of more than this many octets are truncated: 512. */
  readonly udpLimit?: number
  /** Whether an alias is answered alone, as servers do that do not recurse, or with what is behind it. */
  readonly bareAliases?: boolean
  /** Whether TCP takes connections and never answers. */
  readonly silentTcp?: boolean
}

/** A DNS server on loopback, UDP and TCP on one port that the system picked. Names that are not in `zone` do not exist. */
export async function startDnsServer(zone: Zone, options: DnsServerOptions = {}): Promise<DnsServer> {
  const { udpLimit = 512, bareAliases = true, silentTcp = false } = options
  const queries: string[] = []
  const counts = new Map<string, number>()
  const connections = new Set<Socket>()

  const dataOf = (name: string, type: RecordType): readonly Data[] => {
    const answers = zone[name]
    if (typeof answers !== 'object') return []
    const data = answers[type] ?? []
    if (data === 'silence') return []
    if (typeof data !== 'function') return data
    const key = `${type} ${name}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    return data(counts.get(key)!)
  }

  const reply = (query: Buffer, transport: 'udp' | 'tcp'): Buffer | null => {
    const { name, type, end } = readQuestion(query)
    queries.push(`${transport} ${type ?? '?'} ${name}`)
    const answers = zone[name]
    if (answers === 'silence' || (type && answers?.[type as never] === 'silence')) return null
    const rcode =
      answers === undefined ? 'NXDOMAIN' : typeof answers === 'string' ? answers : ('NOERROR' as const)
    const records: Buffer[] = []
    if (rcode === 'NOERROR' && type) {
      let owner = name
      for (let hops = 0; hops < 20; hops++) {
        const found = dataOf(owner, type)
        records.push(...found.map((data) => record(owner, type, data)))
        const alias = type === 'CNAME' || found.length > 0 ? undefined : dataOf(owner, 'CNAME')[0]
        if (alias === undefined) break
        records.push(record(owner, 'CNAME', alias))
        if (bareAliases) break
        owner = alias as string
      }
    }
    const whole = message(query, end, RCODE[rcode], records)
    // RFC 1035 4.1.1: the TC bit, and nothing but the question.
    return transport === 'udp' && whole.length > udpLimit ? message(query, end, 0, [], 0x0200) : whole
  }

  const { udp, tcp, port } = await listen()
  udp.on('message', (query, from) => {
    const answer = reply(query, 'udp')
    if (answer) udp.send(answer, from.port, from.address)
  })
  tcp.on('connection', (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket)).on('error', () => {})
    let pending = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const query = pending.subarray(2, 2 + pending.readUInt16BE(0))
        pending = pending.subarray(2 + query.length)
        const answer = reply(query, 'tcp')
        if (answer && !silentTcp) socket.write(Buffer.concat([uint16(answer.length), answer]))
      }
    })
  })
  return {
    address: `127.0.0.1:${port}`,
    queries,
    connections,
    close: async () => {
      for (const socket of connections) socket.destroy()
      await Promise.all([
        new Promise<void>((resolve) => udp.close(resolve)),
        new Promise((resolve) => tcp.close(resolve)),
      ])
    },
  }
}

/** The same port for both; another process may have the one that UDP got. */
async function listen() {
  for (;;) {
    const udp = createSocket('udp4')
    await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve))
    const { port } = udp.address()
    const tcp = createServer()
    const free = await new Promise<boolean>((resolve) => {
      tcp.once('error', () => resolve(false))
      tcp.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (free) return { udp, tcp, port }
    udp.close()
  }
}

function readQuestion(query: Buffer): { name: string; type: RecordType | undefined; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const number = query.readUInt16BE(at + 1)
  const type = (Object.keys(TYPE) as RecordType[]).find((known) => TYPE[known] === number)
  return { name: labels.join('.').toLowerCase(), type, end: at + 5 }
}

function message(query: Buffer, end: number, rcode: number, records: readonly Buffer[], flags = 0): Buffer {
  // QR, AA, RA and the RD of the question.
  const bits = 0x8480 | flags | (query.readUInt16BE(2) & 0x0100) | rcode
  const header = Buffer.concat([query.subarray(0, 2), ...[bits, 1, records.length, 0, 0].map(uint16)])
  return Buffer.concat([header, query.subarray(12, end), ...records])
}

function record(owner: string, type: RecordType, data: Data): Buffer {
  const rdata = encode(type, data)
  return Buffer.concat([
    encodeName(owner),
    uint16(TYPE[type]),
    uint16(1),
    // A long life, which a cache would take at its word.
    Buffer.from([0, 0, 14, 16]),
    uint16(rdata.length),
    rdata,
  ])
}

function encode(type: RecordType, data: Data): Buffer {
  switch (type) {
    case 'A':
      return Buffer.from((data as string).split('.').map(Number))
    case 'AAAA':
      return ipv6(data as string)
    case 'CNAME':
      return encodeName(data as string)
    case 'TXT':
      return Buffer.concat(([data].flat() as string[]).map(counted))
    case 'CAA': {
      const [flags, tag, value] = data as readonly [number, string, string]
      return Buffer.concat([Buffer.from([flags]), counted(tag), Buffer.from(value, 'latin1')])
    }
  }
}

function ipv6(text: string): Buffer {
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const before = groups(head)
  const after = groups(tail)
  const middle = Array<number>(8 - before.length - after.length).fill(0)
  return Buffer.concat([...before, ...middle, ...after].map(uint16))
}

function encodeName(name: string): Buffer {
  return Buffer.concat([...name.split('.').map(counted), Buffer.from([0])])
}

function counted(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')])
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}
