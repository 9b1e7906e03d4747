// The place in a list of jobs where a page begins: after this job. It holds the time at which the job was made as well,
// so that retention may remove the job between two pages: the list goes on with those made until then. Both are told in
// the job itself; what is not for clients, such as how many jobs others have made, is not in it.
import type { Job } from '../db/jobs.ts';

export interface JobCursor {
  id: string;
  /** In milliseconds since 1970. */
  createdAtMs: number;
}

const cursor = /^\d{1,15}_[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

export const cursorPattern = cursor.source;

export function cursorAfter({ id, created_at }: Pick<Job, 'id' | 'created_at'>): string {
  return `${created_at.getTime()}_${id}`;
}

/** @returns null when it was not made by `cursorAfter`. */
export function parseCursor(text: string): JobCursor | null {
  if (!cursor.test(text)) return null;
  const [createdAtMs, id] = text.split('_') as [string, string];
  return { id, createdAtMs: Number(createdAtMs) };
}
