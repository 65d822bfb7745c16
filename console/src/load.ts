import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from './api/client.ts'

export interface Loaded<T> {
  /** The newest answer; stays while the next one is fetched. */
  readonly data: T | undefined
  readonly problem: Problem | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

/** Fetches at once and whenever `key` changes; what was asked for before is given up. */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; isLoading: boolean }>({ isLoading: true })
  const [round, setRound] = useState(0)
  const newest = useRef(load)
  newest.current = load
  useEffect(() => {
    const giveUp = new AbortController()
    setState(({ data }) => ({ ...(data === undefined ? {} : { data }), isLoading: true }))
    newest.current(giveUp.signal).then(
      (data) => !giveUp.signal.aborted && setState({ data, isLoading: false }),
      (error: unknown) => {
        if (!giveUp.signal.aborted) setState({ problem: asProblem(error), isLoading: false })
      },
    )
    return () => giveUp.abort()
  }, [key, round])
  const reload = useCallback(() => setRound((before) => before + 1), [])
  return { data: state.data, problem: state.problem, isLoading: state.isLoading, reload }
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem(0, 'The page has a fault', error instanceof Error ? error.message : String(error))
}

/** Something that a button does: whether it is under way, and what went wrong. */
export function useAction(): {
  readonly isBusy: boolean
  readonly problem: Problem | undefined
  readonly run: (act: () => Promise<void>) => Promise<void>
} {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const run = async (act: () => Promise<void>) => {
    setBusy(true)
    setProblem(undefined)
    try {
      await act()
    } catch (error) {
      setProblem(asProblem(error))
    }
    setBusy(false)
  }
  return { isBusy, problem, run }
}
