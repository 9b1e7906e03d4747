// Loads the sample records of testdata/ into a new database, through the import API, once the service is ready. New
// means: its tables are empty and nobody has made a job. A seed that was interrupted is completed: what it had posted is
// known by its jobs, and those are durable. So a restart seeds nothing, also not after the sample records were deleted.
import { createReadStream } from 'node:fs';
import fp from 'fastify-plugin';
import type { TransactionSql } from '../db/client.ts';
import { findSeeded, isEmpty, lockSeeding } from '../db/seeding.ts';
import { findSeedFiles, type SeedFile } from '../src/seed-files.ts';

const folder = new URL('../testdata/', import.meta.url);

export default fp(
  async (app) => {
    const { seed: mode, database } = app.config;
    if (mode === 'off' || (mode === 'auto' && database.connection)) return;
    let stopping = false;
    let seeding: Promise<void> | undefined;

    // Not awaited: nobody has to wait for sample records, and a start does not fail for want of them.
    app.addHook('onReady', async () => {
      seeding = seed().catch((error) => app.log.warn({ err: error }, 'The sample records could not be loaded'));
    });
    app.addHook('preClose', async () => {
      stopping = true;
      await seeding;
    });

    async function seed(): Promise<void> {
      const files = await findSeedFiles(folder);
      await app.sql.begin(async (tx) => {
        await lockSeeding(tx);
        for (const { name, resource } of await findMissing(tx, files)) {
          if (stopping) return;
          const job = await app.importFile(resource, name, createReadStream(new URL(name, folder)));
          app.log.info({ job_id: job.id, resource, file: name }, 'Loading sample records');
        }
      });
    }
  },
  { name: 'seed', dependencies: ['database', 'imports'] },
);

/** What is still to be posted; nothing when the database is not, or no longer, ours to fill. */
async function findMissing(tx: TransactionSql, files: SeedFile[]): Promise<SeedFile[]> {
  const seeded = await findSeeded(
    tx,
    files.map(({ name }) => name),
  );
  if (!seeded) return [];
  const missing = files.filter(({ name }) => !seeded.has(name));
  for (const { resource } of missing) if (!(await isEmpty(tx, resource))) return [];
  return missing;
}
