// Files that no job names: left by a process that died between writing one and writing its job, or in the middle of an
// upload, or by a sweep that was interrupted. A younger file may be about to get its job; how old one is, is told by the
// clock of its folder, since another process may have written it.
import type { Kysely } from 'kysely';
import { findNamed } from '../../db/sweeps.ts';
import type { Database } from '../../db/tables.ts';
import type { FileStore, FoundFile } from '../file-store.ts';

const orphanedAfterMs = 3_600_000;
const lookedUpAtOnce = 500;

/** @returns how many files were removed. @throws the signal's reason; the database's and the file system's errors. */
export async function removeOrphans(db: Kysely<Database>, store: FileStore, signal: AbortSignal): Promise<number> {
  let removed = 0;
  let now: Date | undefined;
  let old: FoundFile[] = [];
  const removeOld = async () => {
    const named = await findNamed(
      db,
      old.map(({ key }) => key),
    );
    // A half-written file is nobody's, whatever its key.
    for (const { key, complete } of old) {
      if (complete && named.has(key)) continue;
      await store.remove(key, complete);
      removed++;
    }
    old = [];
  };
  for await (const file of store.list()) {
    signal.throwIfAborted();
    now ??= await store.readClock();
    if (now.getTime() - file.modifiedAt.getTime() < orphanedAfterMs) continue;
    old.push(file);
    if (old.length === lookedUpAtOnce) await removeOld();
  }
  if (old.length > 0) await removeOld();
  return removed;
}
