// One command line, as sh runs it, or as it is run on a terminal.
import { spawn } from 'node:child_process';
import { onTerminal } from './on-terminal.ts';
import { type OutputOf, outputOf } from './output-of.ts';
import { withoutTap } from './plain-node.ts';

export interface RunShellOptions {
  cwd: string;
  env: Record<string, string>;
  /** On a terminal, which has one output: stdout has all of it. */
  terminal?: boolean;
}

export function runShell(command: string, { cwd, env, terminal = false }: RunShellOptions): OutputOf {
  const [program, args] = terminal ? withoutTap(...onTerminal(command)) : withoutTap('sh', ['-c', command]);
  return outputOf(spawn(program, args, { cwd, env: { ...env, SHELL: '/bin/sh' }, stdio: ['ignore', 'pipe', 'pipe'] }));
}
