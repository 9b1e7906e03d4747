// What happens to the service and its database. Each fault is set right again by what sets it right in production: a
// supervisor that starts what has ended. Nothing here knows what the service does at the moment.
import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../db/client.ts';
import type { Random } from '../../testdata/random.ts';
import type { ServiceProcess } from '../service-process.ts';
import type { OwnPostgres } from './own-postgres.ts';
import type { Services } from './services.ts';

export interface Victims {
  postgres: OwnPostgres;
  /** Outside of what is tortured, but on the same server. */
  sql: Sql;
  services: Services;
  random: Random;
}

type Fault = (victims: Victims) => Promise<void>;

/** Any process that is not frozen already; sooner one that is in the middle of an import. */
function victim({ services, random }: Victims): ServiceProcess | undefined {
  const awake = services.running.filter((service) => !frozen.has(service));
  const busy = awake.filter(isImporting);
  if (awake.length === 0) return undefined;
  return random.pick(busy.length > 0 && random.chance(0.8) ? busy : awake);
}

function isImporting({ log }: ServiceProcess): boolean {
  const [begun, ended] = [/^Import started$/, /^Import (completed|failed|ended)/];
  const count = (message: RegExp) => log.filter(({ msg }) => message.test(String(msg))).length;
  return count(begun) > count(ended);
}

const frozen = new WeakSet<ServiceProcess>();

async function thaw(service: ServiceProcess): Promise<void> {
  service.child.kill('SIGCONT');
  frozen.delete(service);
}

const end =
  (signal: 'SIGKILL' | 'SIGTERM'): Fault =>
  async (victims) => {
    const { services, random } = victims;
    const service = victim(victims);
    if (!service) return;
    await service.stop(signal);
    await pause(random.below(200));
    await services.start(random);
  };

const endThread: Fault = async (victims) => void victim(victims)?.child.kill('SIGUSR2');

/** Some of the sessions, or all. */
const endSessions: Fault = async ({ sql, random }) => {
  const share = random.pick([0.2, 0.5, 1]);
  await sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name LIKE 'bulk%' AND random() < ${share}`;
};

/** The server then ends all sessions and recovers. */
const killBackend: Fault = async ({ sql, random }) => {
  const backends = await sql<{ pid: number }[]>`SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'bulk%'`;
  const chosen = backends.length === 0 ? undefined : random.pick(backends);
  if (chosen) process.kill(chosen.pid, 'SIGKILL');
};

const crashPostgres: Fault = async ({ postgres, random }) => {
  await postgres.crash();
  await pause(random.pick([0, 300, 1_500]));
  await postgres.restart();
};

/** Shorter than anybody would notice by its missing signs of life. */
const freeze: Fault = async (victims) => {
  const service = victim(victims);
  if (!service) return;
  frozen.add(service);
  service.child.kill('SIGSTOP');
  await pause(victims.random.between(100, 1_500));
  await thaw(service);
};

/**
 * Longer than anybody waits for it: another process has taken over its jobs when it wakes up. That its queue connections
 * are lost is noticed sooner than that they are silent.
 */
const freezeAndOvertake: Fault = async (victims) => {
  const { services, sql, random } = victims;
  if (services.running.length < 2) await services.start(random);
  const service = victim(victims);
  if (!service) return;
  frozen.add(service);
  service.child.kill('SIGSTOP');
  try {
    // Only its own queue connections have jobs with its runner: those of the process whose sessions answer nothing.
    const runners = await sql<{ runner: string }[]>`SELECT DISTINCT runner FROM bulk.jobs WHERE status = 'processing'`;
    for (const { runner } of runners) {
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${`bulk queue ${runner}`}`;
    }
    await pause(random.between(1_000, 6_500));
  } finally {
    await thaw(service);
  }
};

/** The weight is in proportion to how often a fault is to come. */
export const faults: Record<string, { weight: number; run: Fault }> = {
  'kill -9 of a process': { weight: 5, run: end('SIGKILL') },
  'stop of a process': { weight: 1, run: end('SIGTERM') },
  'end of a thread': { weight: 3, run: endThread },
  'end of database sessions': { weight: 4, run: endSessions },
  'kill -9 of a database backend': { weight: 1, run: killBackend },
  'crash of the database': { weight: 2, run: crashPostgres },
  'freeze of a process': { weight: 2, run: freeze },
  'freeze of a process that is overtaken': { weight: 1, run: freezeAndOvertake },
};

/** A chunk whose thread ends twice is taken for the cause of it, rightly: so this happens once a round. */
const oncePerRound = 'end of a thread';

/** @param earlier faults of the round. */
export function drawFault(random: Random, earlier: readonly string[]): string {
  const possible = Object.entries(faults).filter(([name]) => name !== oncePerRound || !earlier.includes(name));
  return random.pick(possible.flatMap(([name, { weight }]) => Array<string>(weight).fill(name)));
}
