// The baseline: one connection, one COPY, a separate process that does nothing else. That is psql where the machine
// has it, else copy-program.ts, which streams as plainly.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Address } from '../src/database-url.ts';
import type { Resource } from '../src/resources/resource.ts';
import { environmentOf } from './database-server.ts';

export interface CopyClient {
  /** Which program, with its version. */
  name: string;
  /** @param statement COPY … FROM STDIN. @param path the file of rows. @throws Error with what the program said. */
  load(database: Address, statement: string, path: string): Promise<void>;
  /** @param statement COPY … TO STDOUT; the rows go to the null device. @throws Error with what the program said. */
  unload(database: Address, statement: string): Promise<void>;
}

const psqlArguments = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--command'];

export async function findCopyClient(signal: AbortSignal): Promise<CopyClient> {
  const psql = await psqlVersion();
  const command = psql ? ['psql', ...psqlArguments] : [process.execPath, join(import.meta.dirname, 'copy-program.ts')];
  const run = async (database: Address, statement: string, from: string, to: string) => {
    await using input = await open(from, 'r');
    await using output = await open(to, 'w');
    const [program, ...args] = [...command, statement] as [string, ...string[]];
    const child = spawn(program, args, {
      env: { ...process.env, ...environmentOf(database, 'libpq') },
      stdio: [input.fd, output.fd, 'pipe'],
      signal,
    });
    await finish(child, psql ? 'psql' : 'copy-program.ts');
  };
  return {
    name: psql ?? 'copy-program.ts (no psql found)',
    load: async (database, statement, path) => await run(database, statement, path, devNull),
    unload: async (database, statement) => await run(database, statement, devNull, devNull),
  };
}

/** COPY of the whole rows of a resource, columns in the order of its fields. */
export function copyStatement({ name, fields }: Resource): string {
  return `COPY "${name}" (${Object.keys(fields)
    .map((field) => `"${field}"`)
    .join(', ')}) FROM STDIN`;
}

/** null: it is not on the PATH. */
async function psqlVersion(): Promise<string | null> {
  try {
    return (await promisify(execFile)('psql', ['--version'])).stdout.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function finish(child: ChildProcess, name: string): Promise<void> {
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${said.trim()}`);
}
