// Commands on a terminal: `script` of util-linux gives them one. BSD's, as on macOS, takes other arguments.
import { spawnSync } from 'node:child_process';

export const withoutTerminal =
  spawnSync('script', ['--version']).status !== 0 && !process.env.CI ? 'script of util-linux not installed' : false;

/** @param command a line for sh. @returns what runs it on a terminal, and ends with its exit code. */
export function onTerminal(command: string): [program: string, args: string[]] {
  return ['script', ['-qec', command, '/dev/null']];
}
