/**
 * SQL whose plan does not depend on what is bound to it. SQLite 3.54 guesses how many rows `x = ?` leaves by whether 0 or 1 is bound,
 * wherever it joins or sorts, and `LIMIT ?` likewise: such a statement is compiled anew whenever a value is bound, and, since
 * better-sqlite3 takes the values away after each run, on each run: 15 to 45 µs instead of 1. Of `+?`, which is the same value, it
 * has no guess. A range and LIKE are left as they are: for those the value may be worth a plan.
 */
export function plannedOnce(sql: string): string {
  return sql.replace(/(?<![<>!])(=|\b(?:IS|LIMIT|OFFSET)\b)\s*(?=[?:@$])/g, '$1 +')
}
