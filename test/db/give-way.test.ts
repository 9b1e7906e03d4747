// Sessions that load rows have a lower priority than others, where this is possible at all.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { createGiveWay } from '../../db/give-way.ts';
import { createDatabase } from '../databases.ts';

const skip = process.platform === 'linux' ? false : 'priorities of single sessions are for Linux';

/** Of the process, and of its group where there are groups. */
function nicenessOf(pid: number): number[] {
  const groups = existsSync(`/proc/${pid}/autogroup`);
  const group = groups ? readFileSync(`/proc/${pid}/autogroup`, 'utf8') : '';
  return [getPriority(pid), ...(/nice (-?\d+)/.exec(group)?.slice(1).map(Number) ?? [])];
}

t.test('one session gives way, no other process does', { skip }, async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 2, name: 'test' });
  t.after(async () => await sql.end());
  const [one, other] = await Promise.all(
    [1, 2].map(async () => {
      const [session] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid, pg_sleep(0.2)`;
      return session!.pid;
    }),
  );
  const usual = nicenessOf(other!);
  const giveWay = createGiveWay(connection);
  await giveWay(one!);
  await giveWay(one!);
  t.same(
    nicenessOf(one!),
    usual.map(() => 5),
  );

  await createGiveWay({ ...connection, database: 'another' })(other!);
  await createGiveWay({ ...connection, host: 'db.example.com' })(other!);
  t.same(nicenessOf(other!), usual, "not a session of another database's, nor of another machine's");
  const stranger = spawn('sleep', ['60']);
  t.after(() => stranger.kill());
  await giveWay(stranger.pid!);
  t.same(nicenessOf(stranger.pid!)[0], getPriority(), 'nor a process that is no session');
  await giveWay(2 ** 22 + 1);
  t.pass('nor does a process that is gone make it fail');
});
