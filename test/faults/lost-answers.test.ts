// A connection that is lost while a statement ends leaves it open whether that was carried out. Here it is lost at the two
// statements where a wrong guess would cost a file: before they are carried out, and after.
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type KyselyPlugin, type RootOperationNode, type Transaction, UpdateQueryNode } from 'kysely';
import t from 'tap';
import type { Database } from '../../db/tables.ts';
import { shareApps } from '../build.ts';
import { ended, post } from '../client.ts';

const file = {
  resource: 'users',
  name: 'users.ndjson',
  content:
    '{"id":"00000000-0000-4000-8000-000000000001","email":"a@example.com","name":"A","role":"admin","created_at":"2024-01-01T00:00:00Z"}',
};
const lost = () => Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' });

/** Loses the connection once, at the end of the next transaction that makes an import. */
function loseCommit(app: FastifyInstance, when: 'before' | 'after'): void {
  const { db } = app;
  const transaction = db.transaction.bind(db);
  const isImport = (made: unknown) => (made as { type?: string } | undefined)?.type === 'import';
  const execute = async <T>(work: (tx: Transaction<Database>) => Promise<T>): Promise<T> => {
    const made = await transaction().execute(async (tx) => {
      const made = await work(tx);
      if (isImport(made) && when === 'before') throw lost();
      return made;
    });
    if (!isImport(made)) return made;
    db.transaction = transaction;
    throw lost();
  };
  db.transaction = () => ({ execute }) as ReturnType<typeof db.transaction>;
}

function namesFile(node: RootOperationNode): boolean {
  return (
    UpdateQueryNode.is(node) && (node.updates ?? []).some(({ column }) => JSON.stringify(column).includes('"sha256"'))
  );
}

/** Loses the connection once, at the statement that names an exported file. */
function loseEnd(app: FastifyInstance, when: 'before' | 'after'): void {
  const { db } = app;
  const updateTable = db.updateTable;
  let naming: object | undefined;
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      if (naming === undefined && namesFile(node)) {
        naming = queryId;
        db.updateTable = updateTable;
        if (when === 'before') throw lost();
      }
      return node;
    },
    async transformResult({ queryId, result }) {
      if (queryId === naming) throw lost();
      return result;
    },
  };
  const losing = db.withPlugin(plugin);
  db.updateTable = losing.updateTable.bind(losing) as typeof db.updateTable;
}

const fresh = await shareApps(t);

t.test('the answer to COMMIT is lost: the job is there, and its file too', async (t) => {
  const app = await fresh();
  loseCommit(app, 'after');
  const accepted = await post(app, { ...file, headers: { 'idempotency-key': 'key' } });
  t.equal(accepted.statusCode, 202, accepted.body);
  t.match(await ended(app, accepted.json().job_id), { status: 'completed', successful: 1 });
  t.equal((await readdir(app.config.uploadDir)).length, 1);
  const again = await post(app, { ...file, headers: { 'idempotency-key': 'key' } });
  t.match(again.json(), { job_id: accepted.json().job_id });
});

t.test('the connection is lost before COMMIT: 503, and neither job nor file', async (t) => {
  const app = await fresh();
  const { transaction } = app.db;
  loseCommit(app, 'before');
  const refused = await post(app, file);
  app.db.transaction = transaction;
  t.match(refused.json(), { status: 503, code: 'database_unavailable' });
  t.ok(refused.headers['retry-after']);
  t.same(await readdir(app.config.uploadDir), []);
  t.same((await app.inject('/v1/imports')).json().imports, []);
});

for (const when of ['before', 'after'] as const) {
  t.test(`the connection is lost ${when} an export is ended: it ends with one file`, async (t) => {
    const app = await fresh();
    loseEnd(app, when);
    const accepted = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
    const job = await ended<{ status: string; download_url: string }>(app, accepted.json().job_id, 'exports');
    t.match(job, { status: 'completed' });
    // A file that the attempt takes for nobody's is removed only after the job's end is seen.
    while (app.queue.running > 0) await pause(10);
    t.equal((await app.inject(job.download_url)).statusCode, 200);
    t.equal((await readdir(app.config.exportDir)).length, 1);
    t.match(await app.sql`SELECT attempt FROM bulk.jobs`, [{ attempt: 1 }]);
  });
}

t.end();
