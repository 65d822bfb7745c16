/**
 * SQL whose plan does not depend on what is bound to it. Where SQLite 3.54 joins or sorts, it guesses how many rows `x = ?` leaves by
 * whether 0 or 1 is bound, and `LIMIT ?` by the number. A statement with such a parameter is compiled anew once its values were taken
 * away, and better-sqlite3 does that after each run: 15 to 45 µs instead of 1. Of `+?`, which is the same value, there is no guess. Nor
 * does it find a partial index whose condition names the value: then the SQL must name it too.
 */
export function plannedOnce(sql: string): string {
  return sql.replace(/(?<![<>!])(=|\b(?:IS|LIMIT|OFFSET)\b)\s*(?=[?:@$])/g, '$1 +')
}
