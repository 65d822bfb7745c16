/** One system call of a trace. `begin` and `end` are places in the order in which strace saw calls begin and end. */
export interface TracedCall {
  readonly name: string
  /** What the descriptor was, as `-y` shows it. */
  readonly path: string
  /** What was written, all parts of it. */
  readonly data: Buffer
  readonly result: number
  readonly begin: number
  readonly end: number
}

const LINE =
  /^(\d+) +(?:<\.\.\. (?<resumed>\w+) resumed>|(?<name>\w+)\()(?<rest>.*?)(?:(?<unfinished> <unfinished \.\.\.>)|\) += (?<result>-?\d+).*)$/

/** Reads what `strace -f -y -xx` wrote of calls whose first parameter is a descriptor. */
export function readTrace(text: string): TracedCall[] {
  const calls: TracedCall[] = []
  const underWay = new Map<string, { name: string; parameters: string; begin: number }>()
  for (const [place, line] of text.split('\n').entries()) {
    const match = LINE.exec(line)
    if (!match) continue
    const thread = match[1]!
    const { resumed, name, rest = '', unfinished, result } = match.groups!
    const begun = resumed ? underWay.get(thread) : { name: name!, parameters: '', begin: place }
    if (!begun) continue
    const parameters = begun.parameters + rest
    if (unfinished) {
      underWay.set(thread, { ...begun, parameters })
      continue
    }
    underWay.delete(thread)
    calls.push({
      name: begun.name,
      path: unescaped(/^\d+<([^>]*)>/.exec(parameters)?.[1] ?? '').toString(),
      data: Buffer.concat(
        [...parameters.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, part]) => unescaped(part!)),
      ),
      result: Number(result),
      ...{ begin: begun.begin, end: place },
    })
  }
  return calls
}

function unescaped(text: string): Buffer {
  const isEscaped = text.startsWith('\\x')
  return isEscaped ? Buffer.from(text.replaceAll('\\x', ''), 'hex') : Buffer.from(text)
}
