// PostgreSQL refuses to run as root. When the service does, the server runs as another account: the owner of the
// cluster's folder if there is one already, else `postgres`, which is made if need be. That account must be able to
// pass through every folder above the cluster and above the programs; /root, a usual place for a clone, is closed.
import { execFile } from 'node:child_process';
import { chmod, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgresFailure } from './embedded-failure.ts';

const run = promisify(execFile);

export interface Account {
  uid: number;
  gid: number;
}

/** null: the server runs as the user that runs the service. */
export async function serverAccount(clusterDir: string): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const owner = await stat(clusterDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return (await lookUp('postgres')) ?? (await createAccount('postgres'));
}

async function lookUp(name: string): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (error) {
    // id ends with 1 for a name it does not know.
    if ((error as { code?: unknown }).code === 1) return null;
    throw error;
  }
}

async function createAccount(name: string): Promise<Account> {
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', name]);
    return (await lookUp(name))!;
  } catch (error) {
    throw new EmbeddedPostgresFailure(
      `PostgreSQL does not run as root, and the user ${name} to run it as could not be made`,
      `run the service as an ordinary user, make a user ${name}, or set DATABASE_URL`,
      error,
    );
  }
}

/**
 * Lets the account pass through (not list) the folders above the given paths: by an access list for it alone where the
 * system has `setfacl`, else by `chmod o+x`.
 *
 * @returns the folders that were opened.
 */
export async function openWay(account: Account, paths: string[]): Promise<string[]> {
  const opened: string[] = [];
  for (const path of paths) {
    if (await reaches(account, path)) continue;
    for (const folder of ancestors(await realpath(path))) {
      if (await reaches(account, folder)) continue;
      await run('setfacl', ['-m', `u:${account.uid}:x`, folder]).catch(() => undefined);
      if (!(await reaches(account, folder))) await chmod(folder, (await stat(folder)).mode | 0o001);
      opened.push(folder);
    }
    if (!(await reaches(account, path))) {
      throw new EmbeddedPostgresFailure(
        `PostgreSQL does not run as root, and its user (uid ${account.uid}) may not enter ${path}`,
        'run the service as an ordinary user, move it and DATA_DIR elsewhere, or set DATABASE_URL',
      );
    }
  }
  return opened;
}

/** Asked of the system itself, in the account's name: mode bits alone do not tell (access lists, mounts, containers). */
async function reaches({ uid, gid }: Account, path: string): Promise<boolean> {
  try {
    await run('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { uid, gid, cwd: '/' });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 1) return false;
    throw error;
  }
}

/** From the root down, the path itself last. */
function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...ancestors(parent), path];
}
