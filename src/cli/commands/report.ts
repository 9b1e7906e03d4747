// bulk errors and bulk rejects: what was wrong with a file, and the records to mend.
import { type Format, type ReceivedFile, saveFile } from '../../client/index.ts';
import type { Context } from '../context.ts';
import { describeErrors } from '../describe-job.ts';
import { type ExitCode, exitCodes } from '../outcome.ts';

export interface ErrorsFlags {
  groups?: boolean;
  format?: Format;
  to?: string;
}

export async function showErrors(context: Context, jobId: string, flags: ErrorsFlags): Promise<ExitCode> {
  const { client, output, signal } = context;
  if (flags.groups) {
    if (!output.json) await output.text(...(await describeErrors(client, jobId, undefined, signal)));
    else for (const group of (await client.errorGroups(jobId, { signal })).groups) await output.object(group);
    return exitCodes.ok;
  }
  if (flags.format !== undefined || flags.to !== undefined) {
    const format = flags.format ?? formatOf(flags.to);
    return await deliver(context, async () => await client.errorReport(jobId, format, { signal }), flags.to);
  }
  for await (const error of client.errors(jobId, { signal })) {
    if (output.json) {
      await output.object(error);
      continue;
    }
    const { line, field, message, value } = error;
    await output.text(
      `line ${line}: ${field === undefined ? '' : `${field}: `}${message}${value === undefined ? '' : `: ${value}`}`,
    );
  }
  return exitCodes.ok;
}

export async function getRejects(
  context: Context,
  jobId: string,
  { to, withErrors }: { to?: string; withErrors?: boolean },
): Promise<ExitCode> {
  const { client, signal } = context;
  return await deliver(context, async () => await client.rejects(jobId, { withErrors, signal }), to);
}

async function deliver({ output }: Context, ask: () => Promise<ReceivedFile>, to = '-'): Promise<ExitCode> {
  if (to === '-') for await (const piece of (await ask()).body) await output.write(piece);
  else {
    await saveFile(to, async () => (await ask()).body);
    if (output.json) await output.object({ event: 'saved', file: to });
    else await output.text(`${to}: written`);
  }
  return exitCodes.ok;
}

function formatOf(path = ''): Format {
  return path.endsWith('.csv') ? 'csv' : path.endsWith('.json') ? 'json' : 'ndjson';
}
