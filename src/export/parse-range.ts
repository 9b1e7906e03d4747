// Which part of a file a download asks for (RFC 9110, section 14). One range is served; several, other units and what
// cannot be read are answered with the whole file, as the RFC allows.

export type DownloadPart =
  | { status: 'whole' }
  /** Both inclusive. */
  | { status: 'part'; start: number; end: number }
  | { status: 'unsatisfiable' };

const whole: DownloadPart = { status: 'whole' };

/**
 * @param etag the file's strong validator, quoted. A range applies only when `If-Range` is absent or equal to it; a date
 *   in `If-Range` never matches, since no Last-Modified is sent.
 */
export function parseRange(
  headers: { range?: string; 'if-range'?: string | string[] },
  etag: string,
  bytes: number,
): DownloadPart {
  const { range, 'if-range': ifRange } = headers;
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return whole;
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range);
  const [first = '', last = ''] = match?.slice(1) ?? [];
  if (first === '' && last === '') return whole;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return whole;
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  return start <= end ? { status: 'part', start, end } : { status: 'unsatisfiable' };
}

/** Whether `If-None-Match` names the file, by weak comparison. */
export function isUnmodified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
