// bulk generate: sample records of any number, by the generator that makes the files of testdata/.
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ResourceName, resources } from '../../../testdata/valid-records.ts';
import { writeRecords } from '../../../testdata/write-records.ts';
import { formatOfFileName } from '../../resources/formats.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes, UsageError } from '../outcome.ts';
import { bytes, counted } from '../plain-text.ts';

export interface GenerateFlags {
  invalid?: number;
  users?: number;
  articles?: number;
  seed?: number;
  force?: boolean;
}

/** @param file default: the resource's name, as CSV. */
export async function generateRecords(
  { output, signal }: Context,
  resource: string,
  records: number,
  file: string | undefined,
  { force, ...options }: GenerateFlags,
): Promise<ExitCode> {
  const known = resources.find((name): name is ResourceName => name === resource);
  if (!known) throw new UsageError(`there are sample records of ${resources.join(', ')}, not of '${resource}'`);
  const path = file ?? `${resource}.csv`;
  if (!formatOfFileName(path).format) throw new UsageError(`${path}: name it .csv, .ndjson, .jsonl or .json (and .gz)`);
  if (!force && existsSync(path)) throw new UsageError(`${path} is already there; --force writes it anew`);
  // The ending stays: it says the format.
  const part = join(dirname(path), `.part-${process.pid}-${basename(path)}`);
  try {
    const made = await writeRecords({ resource: known, records, path: part, signal, ...options });
    await rename(part, path);
    if (output.json) await output.object({ event: 'generated', file: path, resource, ...made });
    else
      await output.text(
        `${path}: ${counted(records, 'record')}, ${made.invalid} of them invalid, ${bytes(made.bytes)}`,
      );
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return exitCodes.ok;
}
