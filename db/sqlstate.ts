// What a failure of the database means for the work at hand, decided here alone.
// Classes: https://www.postgresql.org/docs/current/errcodes-appendix.html

/**
 * `row`: the data, a later attempt would fail alike. `transient`: not the work's fault, worth another attempt.
 * `fatal`: neither; somebody has to look at it.
 */
export type Verdict = 'row' | 'transient' | 'fatal';

const verdicts: [RegExp, Verdict][] = [
  // Data exception, integrity constraint violation, WITH CHECK OPTION violation, what somebody's trigger raises; a value too
  // long for somebody's index or full-text column.
  [/^(22|23|44)...$|^P000[1-4]$|^54000$/, 'row'],
  // Connection exception, transaction rollback (serialization, deadlock), insufficient resources, shutdown, lock time-out,
  // cancelled; a server that was made a standby, a password or database that somebody is changing.
  [/^(08|40|53|57P|28|3D)...?$|^(55P03|25P0[34]|57014|25006)$/, 'transient'],
  // The drivers' own codes; what a network may say; no descriptor left for another connection or file.
  [/^(CONNECT|CERT_|ECONN|EAI_|EHOST|ENET|EADDR|ETIMEDOUT|ENOTFOUND|ENOBUFS|EPIPE|EMFILE|ENFILE)/, 'transient'],
];

export function verdictOf(error: unknown): Verdict {
  const code = sqlstateOf(error);
  // What ends a session, or keeps one from beginning, is never about a row: a database that takes no connections for a while.
  if (isSqlstate(code) && /^(FATAL|PANIC)$/.test((error as { severity?: string }).severity ?? '')) return 'transient';
  return verdicts.find(([pattern]) => pattern.test(code))?.[1] ?? 'fatal';
}

/** System codes such as EPERM are as long, but have no digit; every SQLSTATE that PostgreSQL has does. */
export function isSqlstate(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

/** The SQLSTATE or system code of an error; empty when it has none. */
export function sqlstateOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return typeof code === 'string' ? code : '';
}
