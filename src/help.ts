// What `--help` and `--version` print; the variables come from the table that loadConfig reads them by.
import packageJson from '../package.json' with { type: 'json' };
import type { Variable } from './environment.ts';
import { variables } from './variables/index.ts';

const lineWidth = 100;

export function versionText(): string {
  return packageJson.version;
}

/** Every variable by group, with its default. */
export function helpText(): string {
  const named = Object.entries<Variable<unknown>>(variables);
  const indent = Math.max(...named.map(([name]) => name.length)) + 4;
  const groups = Map.groupBy(named, ([, { group }]) => group);
  const sections = [...groups].map(([group, members]) =>
    [group, ...members.map(([name, variable]) => describe(name, variable, indent))].join('\n'),
  );
  return [
    `${packageJson.name} ${packageJson.version}\n${packageJson.description}`,
    [
      'Usage:',
      '  npm start                     with the embedded PostgreSQL in ./data',
      '  PORT=9000 npm start           variables are set in the environment',
      '  node src/server.ts --help     this text',
      '  node src/server.ts --version',
    ].join('\n'),
    ...sections,
    'Durations: 500ms, 30s, 15m, 24h, 30d. Sizes: 524288000, 500MB, 2GiB. Empty values count as not set.',
  ].join('\n\n');
}

function describe(name: string, { description, default: written, defaultText }: Variable<unknown>, indent: number) {
  const standard = defaultText ?? written;
  const words = `${description} (${standard === null ? 'not set' : `default: ${standard}`})`.split(' ');
  const lines = [`  ${name}`.padEnd(indent - 1)];
  for (const word of words) {
    const line = lines.at(-1)!;
    if (line.length + 1 + word.length <= lineWidth) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`${' '.repeat(indent)}${word}`);
  }
  return lines.join('\n');
}
