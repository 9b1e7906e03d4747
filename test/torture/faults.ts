// What happens to the service and its database. Each fault is set right again by what sets it right in production: a
// supervisor that starts what has ended. Nothing here knows what the service does at the moment.
import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from '../../db/client.ts';
import type { Random } from '../../testdata/random.ts';
import type { ServiceProcess } from '../service-process.ts';
import { findSilent } from './find-silent.ts';
import type { OwnPostgres } from './own-postgres.ts';
import type { Services } from './services.ts';

export interface Victims {
  postgres: OwnPostgres;
  /** Outside of what is tortured, but on the same server. */
  sql: Sql;
  services: Services;
  random: Random;
  /** Ends the waiting in a fault, which is set right all the same as far as the victims must be. */
  signal: AbortSignal;
  /** Writes down what should not be. */
  report(finding: string): void;
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

/** The queue's heartbeatSeconds and the interval at which it looks for missing ones (plugins/job-queue.ts). */
const leaseMs = 15_000;

const frozen = new WeakSet<ServiceProcess>();

/** Freezes a process, if there is one awake, for as long as `meanwhile` takes. */
async function freezeWhile(victims: Victims, meanwhile: () => Promise<unknown>): Promise<void> {
  const service = victim(victims);
  if (!service) return;
  frozen.add(service);
  service.child.kill('SIGSTOP');
  try {
    await meanwhile();
  } finally {
    service.child.kill('SIGCONT');
    frozen.delete(service);
  }
}

/** To take over what a frozen one leaves. */
async function haveAnother({ services, random }: Victims): Promise<void> {
  if (services.running.length < 2) await services.start(random);
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

/** At any moment of its start: while it migrates, opens its pools, hands unfinished jobs on. */
const killStarting: Fault = async ({ services, random }) => {
  await services.startAndKill(random, random.between(200, 2_500));
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

/**
 * Long enough for every time-out that has to do with the database to be met, and now and then a minute. Whoever asks
 * meanwhile is told so.
 */
const absentPostgres: Fault = async ({ postgres, services, random, signal, report }) => {
  const absentMs = random.chance(0.25) ? 60_000 : random.between(12_000, 20_000);
  await postgres.crash();
  try {
    await pause(absentMs, undefined, { signal });
    for (const silent of await findSilent(services.running.filter((service) => !frozen.has(service)))) report(silent);
  } finally {
    await postgres.restart();
  }
};

/** Shorter than anybody would notice by its missing signs of life. */
const freeze: Fault = async (victims) =>
  await freezeWhile(victims, async () => await pause(victims.random.between(100, 1_500)));

/**
 * Longer than anybody waits for it: another process has taken over its jobs when it wakes up. That its queue connections
 * are lost is noticed sooner than that they are silent.
 */
const freezeAndOvertake: Fault = async (victims) => {
  const { sql, random, signal } = victims;
  await haveAnother(victims);
  await freezeWhile(victims, async () => {
    // Only its own queue connections have jobs with its runner: those of the process whose sessions answer nothing.
    const runners = await sql<{ runner: string }[]>`SELECT DISTINCT runner FROM bulk.jobs WHERE status = 'processing'`;
    for (const { runner } of runners) {
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${`bulk queue ${runner}`}`;
    }
    await pause(random.between(1_000, 6_500), undefined, { signal });
  });
};

/**
 * For longer than its lease: its connections stay, so that its missing heartbeats alone tell the others, which have taken
 * over its jobs when it wakes up.
 */
const freezePastLease: Fault = async (victims) => {
  const { random, signal } = victims;
  await haveAnother(victims);
  await freezeWhile(victims, async () => await pause(random.between(leaseMs, leaseMs + 5_000), undefined, { signal }));
};

interface Choice {
  /** In proportion to how often it is to come. */
  weight: number;
  run: Fault;
  /** Takes longer than all else in a round. */
  long?: true;
  /**
   * Once a round. Of long ones for the time they take; a chunk whose thread ends twice is taken for the cause of it,
   * rightly.
   */
  once?: true;
}

export const faults: Record<string, Choice> = {
  'kill -9 of a process': { weight: 10, run: end('SIGKILL') },
  'stop of a process': { weight: 2, run: end('SIGTERM') },
  'kill -9 of a process that starts': { weight: 2, run: killStarting },
  'end of a thread': { weight: 6, run: endThread, once: true },
  'end of database sessions': { weight: 8, run: endSessions },
  'kill -9 of a database backend': { weight: 2, run: killBackend },
  'crash of the database': { weight: 4, run: crashPostgres },
  'long absence of the database': { weight: 1, run: absentPostgres, long: true, once: true },
  'freeze of a process': { weight: 4, run: freeze },
  'freeze of a process that is overtaken': { weight: 2, run: freezeAndOvertake },
  'freeze of a process past its lease': { weight: 1, run: freezePastLease, long: true, once: true },
};

export const faultNames = Object.keys(faults);
export const briefFaultNames = faultNames.filter((name) => !faults[name]!.long);

/**
 * @param names of those that may come.
 * @param earlier faults of the round.
 * @returns undefined when none may come again.
 */
export function drawFault(random: Random, names: readonly string[], earlier: readonly string[]): string | undefined {
  const possible = names.filter((name) => !(faults[name]!.once && earlier.includes(name)));
  if (possible.length === 0) return undefined;
  return random.pick(possible.flatMap((name) => Array<string>(faults[name]!.weight).fill(name)));
}
