// The commands that move records: import, export, download, generate.
import { Argument, type Command, Option } from 'commander';
import { formats } from '../resources/formats.ts';
import { collect, failOverOption, share, wholeNumber } from './arguments.ts';
import { downloadExport, type ExportFlags, exportRecords } from './commands/export.ts';
import { type ImportFlags, importFiles } from './commands/import.ts';
import type { Run } from './context.ts';

export function addTransferCommands(program: Command, run: Run): void {
  const format = () => new Option('-f, --format <format>', 'of the file; default: by its name').choices([...formats]);

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
    .addOption(failOverOption())
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
      run(async (context, resource: string, records: number, file: string | undefined, flags: object) => {
        // The generator is loaded for nothing else.
        const { generateRecords } = await import('./commands/generate.ts');
        return await generateRecords(context, resource, records, file, flags);
      }),
    );
}
