// The command line: commands, options, and the help that teaches them. What they do is in commands/.
import { Argument, Command, Option } from 'commander';
import { formats } from '../resources/formats.ts';
import { collect, rejectionLimit, serviceUrl, share, wholeNumber } from './arguments.ts';
import { downloadExport, type ExportFlags, exportRecords } from './commands/export.ts';
import { type ImportFlags, importFiles } from './commands/import.ts';
import { type ErrorsFlags, getRejects, showErrors } from './commands/report.ts';
import { cancelJobs, type ListFlags, listJobs, listResources, showStatus, watchJobs } from './commands/show.ts';
import { type Context, createContext, type GlobalOptions } from './context.ts';
import { type ExitCode, exitCodeHelp } from './outcome.ts';
import type { Limit } from './rejection-limit.ts';

const statuses = ['pending', 'processing', 'completed', 'failed', 'cancelled'];

const introduction = `Moves CSV, NDJSON and JSON files in and out of PostgreSQL by way of the Bulk Import/Export API.
On a terminal it draws progress bars; where its output goes to a file or a program it writes JSON lines.`;

const examples = `
First steps:
  bulk resources                                   what can be imported, and its fields
  bulk import people.csv                           says what was loaded, what was rejected, and why
  bulk rejects <job> -o mend.csv                   the rejected records, to be mended and imported
  bulk export users --where role=admin -o admins.csv

${exitCodeHelp}

bulk help <command> has more, with examples.`;

/** @param end is told how a command ended. */
export function createProgram(version: string, end: (code: ExitCode) => void): Command {
  const program = new Command('bulk')
    .description(introduction)
    .version(version)
    .addOption(
      new Option('--url <url>', 'where the service is')
        .env('BULK_URL')
        .default(new URL('http://127.0.0.1:8080'), 'http://127.0.0.1:8080')
        .argParser(serviceUrl),
    )
    .addOption(
      new Option('--key <key>', 'API key; others can see the arguments of a process, so prefer the variable').env(
        'BULK_API_KEY',
      ),
    )
    .addOption(
      new Option('--output <kind>', 'text or JSON lines; default: text on a terminal').choices(['text', 'json']),
    )
    .option('--progress', 'draw bars even where stderr is no terminal')
    .option('--no-progress', 'draw none')
    .addHelpText('after', examples)
    .showHelpAfterError('bulk --help shows what there is')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();

  /** Runs a command with what all of them need. */
  const run =
    <Arguments extends unknown[]>(action: (context: Context, ...given: Arguments) => Promise<ExitCode>) =>
    async (...given: [...Arguments, Command]) => {
      const command = given.pop() as Command;
      end(await action(createContext(command.optsWithGlobals<GlobalOptions>()), ...(given as unknown as Arguments)));
    };
  const format = () => new Option('-f, --format <format>', 'of the file; default: by its name').choices([...formats]);
  const failOver = () =>
    new Option('--fail-over <limit>', 'exit with 3 when more records than this are rejected: 5%, or 100').argParser(
      rejectionLimit,
    );

  program
    .command('import')
    .summary('send files, watch their import, say what was rejected')
    .description(
      `Sends files and watches their import. What is in a file is told by its columns and its name. Of several files those that others refer to are sent first. Rejected records do not stop an import.
A file that was sent before is not imported twice: its job is shown; one whose import failed or was cancelled is tried anew.`,
    )
    .argument('<files...>', 'paths; - is stdin')
    .option('-r, --resource <name>', 'what is in the files; default: guessed')
    .addOption(format())
    .option('-d, --delimiter <delimiter>', "of a CSV: ',' ';' or 'tab'; default: by its header")
    .option('--name <name>', 'name of the file, in place of its own; useful for stdin')
    .option('-w, --watch', 'watch until the import has ended (the default)')
    .option('--no-watch', 'end as soon as the files are sent')
    .addOption(failOver())
    .option('--again', 'import once more what was imported before')
    .option('--idempotency-key <key>', 'in place of the one that is made of the content')
    .addHelpText(
      'after',
      `
Examples:
  bulk import users.csv
  bulk import users.csv articles.ndjson comments.ndjson.gz     all at once, in the order that they need
  bulk import contacts.txt -r users -f csv -d tab
  pg_dump … | to_csv | bulk import - -r users -f csv           as it comes in, nothing is stored here
  bulk import users.csv --fail-over 5% || alert                in scripts: see the exit codes
  bulk import big.csv --no-watch                               bulk watch <job> shows it later`,
    )
    .action(run(async (context, files: string[], flags: ImportFlags) => await importFiles(context, files, flags)));

  program
    .command('export')
    .summary('write records to a file or stdout')
    .description(
      `Writes the records of a resource, as one consistent snapshot. A file is there once it is whole, or not at all.
With --job the service makes the file first; a download that breaks off can then be gone on with.`,
    )
    .argument('<resource>')
    .option('-o, --to <file>', 'where to; default: stdout. Ending in .gz: gzipped')
    .addOption(format())
    .option('--fields <names>', 'of them, in this order, separated by commas')
    .option(
      '--where <condition>',
      'field=value, field[gte|gt|lte|lt]=value, field[in]=a,b; several must all hold',
      collect,
      [],
    )
    .option('--sort <field>', 'with a - before it: descending')
    .addOption(new Option('--limit <records>', 'at most so many').argParser(wholeNumber(1)))
    .option('--gzip', 'gzip it, whatever the name of the file')
    .option('--job', 'as a job, for large exports')
    .option('-w, --watch', 'with --job: watch it, then download the file (the default)')
    .option('--no-watch', 'with --job: end as soon as the job is accepted')
    .addHelpText(
      'after',
      `
Examples:
  bulk export users > users.ndjson
  bulk export users -o admins.csv --where role=admin --fields id,email
  bulk export articles -o 2024.json --where 'created_at[gte]=2024-01-01T00:00:00Z' --sort=-created_at
  bulk export comments -o comments.csv.gz --job`,
    )
    .action(
      run(async (context, resource: string, flags: ExportFlags) => await exportRecords(context, resource, flags)),
    );

  program
    .command('download')
    .summary('get the file of an export job')
    .description(
      'Downloads the file of an export job and compares its SHA-256; goes on where an earlier call was cut off.',
    )
    .argument('<job>')
    .option('-o, --to <file>', 'where to; default: <resource>.<format>')
    .action(run(async (context, job: string, { to }: { to?: string }) => await downloadExport(context, job, to)));

  program
    .command('status')
    .summary('show jobs as they are now')
    .argument('<jobs...>', 'ids of imports and exports')
    .action(run(async (context, jobs: string[]) => await showStatus(context, jobs)));

  program
    .command('watch')
    .summary('watch jobs until they have ended')
    .description('Watches jobs, across lost connections and restarts of the service. Ctrl-C leaves them running.')
    .argument('<jobs...>', 'ids of imports and exports')
    .addOption(failOver())
    .action(
      run(
        async (context, jobs: string[], flags: { failOver?: Limit }) => await watchJobs(context, jobs, flags.failOver),
      ),
    );

  program
    .command('errors')
    .summary('show what was wrong with the records of an import')
    .argument('<job>')
    .option('-g, --groups', 'counted by field and kind')
    .addOption(new Option('-f, --format <format>', 'as a file of this format').choices([...formats]))
    .option('-o, --to <file>', 'into a file')
    .addHelpText(
      'after',
      `
Examples:
  bulk errors <job> --groups
  bulk errors <job> -o report.csv                  for a spreadsheet
  bulk errors <job> --output json | jq .code | sort | uniq -c`,
    )
    .action(run(async (context, job: string, flags: ErrorsFlags) => await showErrors(context, job, flags)));

  program
    .command('rejects')
    .summary('get the rejected records of an import as they were sent')
    .description(`Gets the rejected records in the file's own format. Mend them, and import them.`)
    .argument('<job>')
    .option('-o, --to <file>', 'where to; default: stdout')
    .option('--with-errors', 'with the reasons beside them, which a later import ignores')
    .addHelpText(
      'after',
      `
Example:
  bulk rejects <job> --with-errors -o mend.csv && $EDITOR mend.csv && bulk import mend.csv`,
    )
    .action(
      run(
        async (context, job: string, flags: { to?: string; withErrors?: boolean }) =>
          await getRejects(context, job, flags),
      ),
    );

  program
    .command('cancel')
    .summary('stop jobs; what is committed stays')
    .argument('<jobs...>', 'ids of imports and exports')
    .action(run(async (context, jobs: string[]) => await cancelJobs(context, jobs)));

  program
    .command('list')
    .summary('list jobs, newest first')
    .option('-e, --exports', 'exports instead of imports')
    .addOption(new Option('-s, --status <status>').choices(statuses))
    .option('-r, --resource <name>')
    .addOption(new Option('-n, --limit <jobs>', 'at most so many').argParser(wholeNumber(1)).default(20))
    .action(run(async (context, flags: ListFlags) => await listJobs(context, flags)));

  program
    .command('resources')
    .summary('list what can be imported and exported, with its fields')
    .action(run(async (context) => await listResources(context)));

  program
    .command('generate')
    .summary('write a file of sample records')
    .description('Writes sample records, the same ones for the same arguments. Needs no service.')
    .argument('<resource>')
    .addArgument(new Argument('<records>').argParser(wholeNumber(0)))
    .argument('[file]', 'its ending says the format; default: <resource>.csv')
    .addOption(new Option('--invalid <share>', 'how many of them break a rule: 5%').argParser(share))
    .addOption(
      new Option('--users <number>', 'how many users articles and comments refer to').argParser(wholeNumber(1)),
    )
    .addOption(new Option('--articles <number>', 'how many articles comments refer to').argParser(wholeNumber(1)))
    .addOption(new Option('--seed <number>', 'files that belong together have the same').argParser(wholeNumber(0)))
    .option('--force', 'replace a file that is there')
    .addHelpText(
      'after',
      `
Examples:
  bulk generate users 1000000
  bulk generate articles 500000 articles.ndjson.gz --users 1000000
  bulk generate users 1000 faulty.csv --invalid 5%`,
    )
    .action(
      run(async ({ output }, resource: string, records: number, file: string | undefined, flags: object) => {
        // Not in the container, which has no need of it.
        const { generateRecords } = await import('./commands/generate.ts');
        return await generateRecords(output, resource, records, file, flags);
      }),
    );
  return program;
}
