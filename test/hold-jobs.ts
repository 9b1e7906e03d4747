// Jobs that stay unfinished for as long as a test wants them to.
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';

/** Locks the table of users: imports and exports of it wait. @returns ends that; the test's end does so too. */
export async function holdJobs(
  t: Pick<Test, 'after'>,
  { sql }: Pick<FastifyInstance, 'sql'>,
): Promise<() => Promise<void>> {
  const locked = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const holding = sql.begin(async (tx) => {
    await tx`SET LOCAL idle_in_transaction_session_timeout = 0`;
    await tx`LOCK TABLE users IN ACCESS EXCLUSIVE MODE`;
    locked.resolve();
    await over.promise;
  });
  await locked.promise;
  const letGo = async () => {
    over.resolve();
    await holding;
  };
  t.after(letGo);
  return letGo;
}
