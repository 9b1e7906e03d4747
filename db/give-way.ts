// Sessions that load millions of rows keep every core busy; a neighbour's single-row write, or the query behind an answer of
// the API, then waits for its turn among them: up to 50 ms on two cores. Where the server is on this machine and its
// processes may be changed, the loading ones give way (bench/README.md, "Sessions that give way").
//
// Linux groups processes by session for scheduling (sched(7), "The autogroup feature"), and each of PostgreSQL's is a session of its own:
// its nice value counts only within the group, the group's beyond it. Without autogroups, as in most containers, nice alone counts.
import { readFile, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import type { Connection } from './client.ts';
import { sqlstateOf } from './sqlstate.ts';

/** A third of the usual weight. Less, and a session that holds a lock of the log would be kept from giving it back by whatever else runs. */
const niceValue = 5;

/** @param pid of a session's process, as pg_backend_pid() tells it. Never rejects. */
export type GiveWay = (pid: number) => Promise<void>;

export function createGiveWay({ host, user, database }: Connection): GiveWay {
  const local = process.platform === 'linux' && /^(127\.|::1$|localhost$|\/)/.test(host);
  const settled = new Set<number>();
  return async (pid) => {
    if (!local || settled.has(pid)) return;
    settled.add(pid);
    try {
      // A container's process of the same number is another one: the title tells whose session it is.
      const title = await readFile(`/proc/${pid}/cmdline`, 'utf8');
      if (!title.startsWith('postgres: ') || !title.includes(` ${user} ${database} `)) return;
      setPriority(pid, niceValue);
      await writeFile(`/proc/${pid}/autogroup`, String(niceValue));
    } catch (error) {
      // Groups are changed ten times a second at most, unless by root: the session's next chunk tries again. Anything else
      // means that it cannot be done here: another user's processes, no autogroups.
      if (sqlstateOf(error) === 'EAGAIN') settled.delete(pid);
    }
  };
}
