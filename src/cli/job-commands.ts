// The commands that show and stop jobs, and what came of them.
import { type Command, Option } from 'commander';
import { formats } from '../resources/formats.ts';
import { failOverOption, wholeNumber } from './arguments.ts';
import { type ErrorsFlags, getRejects, showErrors } from './commands/report.ts';
import { cancelJobs, type ListFlags, listJobs, listResources, showStatus, watchJobs } from './commands/show.ts';
import type { Run } from './context.ts';
import type { Limit } from './rejection-limit.ts';

const statuses = ['pending', 'processing', 'completed', 'failed', 'cancelled'];

export function addJobCommands(program: Command, run: Run): void {
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
    .addOption(failOverOption())
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
    .addOption(
      new Option('-f, --format <format>', 'as a file of this format; default: by its name').choices([...formats]),
    )
    .option('-o, --to <file>', 'into a file. Ending in .gz: gzipped')
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
    .option('-o, --to <file>', 'where to; default: stdout. Ending in .gz: gzipped')
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
}
