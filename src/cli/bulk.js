#!/usr/bin/env node
// The command `bulk`. Plain JavaScript that any Node can read: the TypeScript behind it needs Node 24, and where the Node
// that was found is older, the one that npm installed with the package runs it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const oldestNode = 24;
const brought = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= oldestNode) {
  // Node does not run the TypeScript of installed packages: `npm pack` compiles it.
  await import(import.meta.url.includes('/node_modules/') ? '../../dist/src/cli/main.js' : './main.ts');
} else if (existsSync(brought)) {
  const child = spawn(brought, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A Ctrl-C reaches both; the child decides what it means. Other signals are passed on.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
} else {
  process.stderr.write(
    `bulk needs Node.js ${oldestNode} or newer, this is ${process.versions.node}; npm ci installs one beside it\n`,
  );
  process.exitCode = 1;
}
