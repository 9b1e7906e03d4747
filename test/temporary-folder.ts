import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** A folder of the test's own; deleted when it ends. */
export async function temporaryFolder(test: Pick<Test, 'after'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bulk-test-'));
  test.after(async () => await rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
