// The connections from which rows are streamed to clients and files. Apart from the API's pool, because a statement that
// runs for as long as its reader likes must not stand before a short one.
import fp from 'fastify-plugin';
import { openPool, type Sql } from '../db/client.ts';
import { connectionBudget } from '../src/connection-budget.ts';
import { Slots } from '../src/slots.ts';

export interface StreamPool {
  pool: Sql;
  /** One for each connection: who waits for one waits here, where it can be told and given up. */
  slots: Slots;
}

declare module 'fastify' {
  interface FastifyInstance {
    streams: StreamPool;
  }
}

export default fp(
  async (app) => {
    const max = connectionBudget(app.config).exports;
    const pool = openPool(app.connection, { max, name: 'bulk streams', idleTimeoutSeconds: 60 });
    app.addHook('onClose', async () => await pool.end({ timeout: 5 }));
    app.decorate('streams', { pool, slots: new Slots(max) });
  },
  { name: 'stream-pool', dependencies: ['database'] },
);
