// Tells whether the process that wrote a pid into a file still runs. A pid alone does not say so: it is given out again,
// after a restart of a container even the same one to the same program. The start time settles it.
import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A mark that no other process with this pid shares: on Linux the boot and the clock tick of its start, elsewhere what
 * `ps` says. null: there is no such process (or only a zombie, which holds nothing). `unknown`: it runs, but the
 * platform does not tell since when.
 */
export async function processStart(pid: number): Promise<string | null> {
  if (!exists(pid)) return null;
  if (process.platform === 'linux') return await linuxProcessStart(pid);
  if (process.platform === 'win32') return 'unknown';
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { LC_ALL: 'C', TZ: 'UTC' } });
    return stdout.trim() || null;
  } catch {
    return exists(pid) ? 'unknown' : null;
  }
}

export async function isRunning(pid: number): Promise<boolean> {
  return (await processStart(pid)) !== null;
}

/** The command line of a process; null where the platform does not tell. */
export async function commandOf(pid: number): Promise<string | null> {
  if (process.platform === 'win32') return null;
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    return (await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).stdout;
  } catch (error) {
    if (await isRunning(pid)) throw error;
    return null;
  }
}

/**
 * Within it a pid means the same to all: on Linux the boot and the PID namespace, of which every container has one of its
 * own, elsewhere the machine.
 */
export async function pidSpace(): Promise<string> {
  try {
    return `${await bootId()} ${await readlink('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function linuxProcessStart(pid: number): Promise<string | null> {
  try {
    const [stat, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), bootId().catch(() => '')]);
    // proc(5): the program's name, in parentheses, may hold blanks; after it come state (3rd) … starttime (22nd).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : `${boot}:${fields[19]}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return exists(pid) ? 'unknown' : null;
    throw error;
  }
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}
