// bulk errors and bulk rejects: what was wrong with a file, and the records to mend.
import { type Format, type ReceivedFile, saveFile } from '../../client/index.ts';
import { formatOfFileName } from '../../resources/formats.ts';
import type { Context } from '../context.ts';
import { describeErrors } from '../describe-job.ts';
import { gzipped } from '../gzipped.ts';
import { type ExitCode, exitCodes, UsageError } from '../outcome.ts';

export interface ErrorsFlags {
  groups?: boolean;
  format?: Format;
  to?: string;
}

export async function showErrors(context: Context, jobId: string, flags: ErrorsFlags): Promise<ExitCode> {
  const { client, output, signal } = context;
  const asFile = flags.format !== undefined || flags.to !== undefined;
  if (flags.groups) {
    if (asFile) throw new UsageError('--groups are shown, not written to a file: without --to and --format');
    if (!output.json) await output.text(...(await describeErrors(client, jobId, undefined, signal)));
    else for (const group of (await client.errorGroups(jobId, { signal })).groups) await output.object(group);
    return exitCodes.ok;
  }
  if (asFile) {
    const format = flags.format ?? formatOfFileName(flags.to ?? '').format ?? 'ndjson';
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
    const { gzip } = formatOfFileName(to);
    await saveFile(to, async () => {
      const { body } = await ask();
      return gzip ? gzipped(body) : body;
    });
    if (output.json) await output.object({ event: 'saved', file: to });
    else await output.text(`${to}: written`);
  }
  return exitCodes.ok;
}
