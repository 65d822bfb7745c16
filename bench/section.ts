/** The answer to one question, as the report shows it: bench/questions/ has a file for each. */
export interface Section {
  readonly title: string
  /** Paragraphs above the table: what was asked of whom, and what of the outcome must be explained. */
  readonly text: readonly string[]
  readonly head: readonly string[]
  /** Cells in the order of `head`; numbers already rounded as they are to be read. */
  readonly rows: readonly (readonly (string | number)[])[]
  /** A plot to stand below the table: the file's name under docs/performance/, and its SVG. */
  readonly figure?: { readonly name: string; readonly svg: string }
}
