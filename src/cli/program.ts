// The command line as a whole: options of all commands, and the help that teaches. The commands are in transfer-commands.ts
// and job-commands.ts, what they do in commands/.
import { Command, Option } from 'commander';
import { serviceUrl } from './arguments.ts';
import { createContext, type GlobalOptions, type Run, type Surroundings } from './context.ts';
import { addJobCommands } from './job-commands.ts';
import { type ExitCode, exitCodeHelp } from './outcome.ts';
import { addTransferCommands } from './transfer-commands.ts';

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
export function createProgram(version: string, surroundings: Surroundings, end: (code: ExitCode) => void): Command {
  const { stdout, stderr, signal } = surroundings;
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
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride();

  const run: Run =
    (action) =>
    async (...given) => {
      const command = given.pop() as Command;
      const context = createContext(surroundings, command.optsWithGlobals<GlobalOptions>());
      try {
        const code = await action(context, ...(given as never));
        await context.output.flush();
        end(code);
      } catch (error) {
        // Whatever a stream made of the signal.
        throw signal.aborted ? signal.reason : error;
      }
    };
  addTransferCommands(program, run);
  addJobCommands(program, run);
  return program;
}
