// The command as a process: runs what was asked, says what went wrong in one line, sets the exit code.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type ExitCode, exitCodes, explainFailure } from './outcome.ts';
import { createProgram } from './program.ts';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)));

let exitCode: ExitCode = exitCodes.ok;
const program = createProgram(packageJson.version, (code) => {
  exitCode = code;
});
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else {
    const { message, members, ...failure } = explainFailure(error);
    exitCode = failure.exitCode;
    const json =
      program.opts<{ output?: string }>().output === 'json' || (!program.opts().output && !process.stdout.isTTY);
    if (message !== null) process.stderr.write(`${json ? JSON.stringify({ event: 'error', ...members }) : message}\n`);
  }
}
process.exitCode = exitCode;
