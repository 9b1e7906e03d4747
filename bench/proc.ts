// CPU time and memory of processes, from Linux' /proc (proc(5)); elsewhere there are no such figures.
import { readdir, readFile } from 'node:fs/promises';

/** Of a second: USER_HZ, the unit of CPU times in /proc, is 100 on every architecture that Node runs on. */
const tick = 1 / 100;

interface Times {
  parent: number;
  ownSeconds: number;
  /** Of children that have ended and were waited for. */
  endedSeconds: number;
}

/** null: there is no such process any more, or no /proc. */
async function timesOf(pid: number | string): Promise<Times | null> {
  const stat = await readProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The program's name, in parentheses, may hold blanks; after it come state (3rd), ppid (4th) …
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return { parent: field(4), ownSeconds: (field(14) + field(15)) * tick, endedSeconds: (field(16) + field(17)) * tick };
}

/** CPU seconds that a process has used so far, with all its threads; null where they cannot be told. */
export async function cpuSecondsOf(pid: number): Promise<number | null> {
  return (await timesOf(pid))?.ownSeconds ?? null;
}

/**
 * CPU seconds of a process and its children. A child that has ended counts through its parent, which has waited for
 * it, so that the sum never shrinks; a PostgreSQL server and its sessions are such a family.
 */
export async function cpuSecondsOfFamily(pid: number): Promise<number | null> {
  for (;;) {
    const head = await timesOf(pid);
    if (!head) return null;
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const children = (await Promise.all(pids.map(timesOf))).filter((times) => times?.parent === pid);
    const after = await timesOf(pid);
    // A child that was waited for meanwhile would be missed, or counted twice.
    if (head.endedSeconds !== after?.endedSeconds) continue;
    return children.reduce((sum, child) => sum + child!.ownSeconds, head.ownSeconds + head.endedSeconds);
  }
}

/** The most memory that the process has had resident so far, in megabytes (10^6); null where it cannot be told. */
export async function peakMegabytesOf(pid: number): Promise<number | null> {
  return await megabytesOf(pid, 'VmHWM');
}

/** Resident at the moment, in megabytes (10^6); null where it cannot be told. */
export async function residentMegabytesOf(pid: number): Promise<number | null> {
  return await megabytesOf(pid, 'VmRSS');
}

async function megabytesOf(pid: number, field: 'VmHWM' | 'VmRSS'): Promise<number | null> {
  const status = await readProc(`/proc/${pid}/status`);
  const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status ?? '') ?? [];
  return kibibytes === undefined ? null : (Number(kibibytes) * 1024) / 1e6;
}

/** Open files and sockets; null where they cannot be told. */
export async function descriptorsOf(pid: number): Promise<number | null> {
  try {
    return (await readdir(`/proc/${pid}/fd`)).length;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}
