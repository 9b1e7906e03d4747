// How many rows the resources' tables have, for all who ask: one count at a time, and one answer for those who ask meanwhile.
import fp from 'fastify-plugin';
import { countRows, type RowCount } from '../db/count-rows.ts';
import { resources } from '../src/resources/index.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** By resource. Exact up to a million rows, unless counting takes too long, as while somebody has locked a table; answers within seconds. */
    countRows(): Promise<Map<string, RowCount>>;
  }
}

/** Counts are kept for a second where counting costs more than asking: small tables are always told as they are. */
const cheapRows = 100_000;
const keepMs = 1_000;

export default fp(
  async (app) => {
    let counting: Promise<Map<string, RowCount>> | null = null;

    /** One resource after the other, on one connection, for all who ask meanwhile. */
    async function count(): Promise<Map<string, RowCount>> {
      const counts = new Map<string, RowCount>();
      for (const name of resources.keys()) counts.set(name, await countRows(app.sql, name));
      const isCheap = [...counts.values()].every(({ rows }) => rows <= cheapRows);
      setTimeout(() => (counting = null), isCheap ? 0 : keepMs).unref();
      return counts;
    }

    app.decorate('countRows', async () => {
      counting ??= count();
      return await counting.catch((error) => {
        counting = null;
        throw error;
      });
    });
  },
  { name: 'row-counts', dependencies: ['database'] },
);
