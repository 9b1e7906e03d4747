// The command as a function: runs what was asked, and says what went wrong in one line.
import { CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type GlobalOptions, type Surroundings, writesJson } from './context.ts';
import { type ExitCode, exitCodes, explainFailure } from './outcome.ts';
import { plain } from './plain-text.ts';
import { createProgram } from './program.ts';

/** @param args without the program. Never throws. */
export async function runBulk(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { stdout, stderr } = surroundings;
  let exitCode: ExitCode = exitCodes.ok;
  const program = createProgram(packageJson.version, surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const { message, members, ...failure } = explainFailure(error);
    const json = writesJson(program.opts<GlobalOptions>().output, stdout);
    if (message !== null) stderr.write(`${json ? JSON.stringify({ event: 'error', ...members }) : plain(message)}\n`);
    return failure.exitCode;
  }
  return exitCode;
}
