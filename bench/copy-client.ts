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
  /**
   * @param statement COPY … FROM STDIN. @param path the file of rows.
   * @returns the seconds it took. @throws Error with what the program said.
   */
  load(database: Address, statement: string, path: string): Promise<number>;
  /**
   * @param statement COPY … TO STDOUT; the rows go to the null device.
   * @returns the seconds it took. @throws Error with what the program said.
   */
  unload(database: Address, statement: string): Promise<number>;
}

const psqlArguments = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--command'];

export async function findCopyClient(signal: AbortSignal): Promise<CopyClient> {
  const psql = await psqlVersion();
  const [program, ...args] = psql
    ? (['psql', ...psqlArguments] as const)
    : ([process.execPath, join(import.meta.dirname, 'copy-program.ts')] as const);
  const run = async (database: Address, statement: string, from: string, to: string) => {
    await using input = await open(from, 'r');
    await using output = await open(to, 'w');
    const startMs = performance.now();
    const child = spawn(program, [...args, statement], {
      env: { ...process.env, ...environmentOf(database, 'libpq') },
      stdio: [input.fd, output.fd, 'pipe'],
      signal,
    });
    const said = await finish(child, psql ? 'psql' : 'copy-program.ts');
    const wholeSeconds = (performance.now() - startMs) / 1000;
    // Node takes several times as long to start as psql, which would flatter the service.
    return psql ? wholeSeconds : JSON.parse(said).seconds;
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
    const { stdout } = await promisify(execFile)('psql', ['--version']);
    return `psql ${/\d[\w.]*/.exec(stdout)?.[0]}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** @returns what it wrote to standard error. */
async function finish(child: ChildProcess, name: string): Promise<string> {
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${said.trim()}`);
  return said;
}
