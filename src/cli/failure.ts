import { type Cause, type Problem, ServiceError } from '../client/service-error.ts'
import { CaError } from '../errors.ts'
import { EXIT, type ExitCode, exitCodeFor } from './exit-codes.ts'

/** Why a command ends without having done its work. The message is one or more sentences for people. */
export class Failure extends Error {
  readonly exitCode: ExitCode
  readonly problem: Problem | undefined

  constructor(exitCode: ExitCode, message: string, options: { problem?: Problem; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Failure'
    this.exitCode = exitCode
    this.problem = options.problem
  }
}

/** What to do about an answer that did not come. */
const ADVICE: Readonly<Record<Cause, string>> = {
  refused: '',
  silent: ' "chancery serve" starts the service; --url names another.',
  unproven: ' Check --url and --root.',
  lost: '',
}

/** Errors of the service and of the domain, and of the file system, in the words of the command line. Anything else is a defect. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error
  if (error instanceof ServiceError) {
    const { why, status, message, problem, cause } = error
    const exitCode = status === null ? EXIT.unreachable : exitCodeFor(status)
    return new Failure(exitCode, message + ADVICE[why], { ...(problem ? { problem } : {}), cause })
  }
  if (error instanceof CaError) {
    const code = error.code === 'badConfiguration' || error.code === 'badName' ? EXIT.usage : EXIT.failed
    const problem: Problem = { type: error.code, detail: error.detail, subproblems: error.subproblems }
    return new Failure(error.code === 'notFound' ? EXIT.notFound : code, error.detail, {
      problem,
      cause: error,
    })
  }
  if (error instanceof Error && 'syscall' in error)
    return new Failure(EXIT.failed, `${error.message}.`, { cause: error })
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new Failure(EXIT.failed, `A defect in chancery: ${stack}`, { cause: error })
}

/** What goes to standard error: for people, or one line of JSON for programs. */
export function renderFailure(failure: Failure, json: boolean): string {
  if (json)
    return `${JSON.stringify({ ...failure.problem, detail: failure.message, exitCode: failure.exitCode })}\n`
  const lines = [`chancery: ${failure.message}`]
  const { title, type, subproblems } = failure.problem ?? {}
  for (const part of subproblems ?? [])
    lines.push(`  ${part.subject ? `${part.subject}: ` : ''}${part.detail ?? ''}`)
  if (title) lines.push(`  (${title}${type ? `, ${type}` : ''})`)
  return `${lines.join('\n')}\n`
}
