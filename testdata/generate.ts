// Command line of the generator. Without arguments it writes the six files of this folder again, byte for byte.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultyFiles } from './faulty-files.ts';
import { seedFiles } from './seed-files.ts';
import { type ResourceName, resources } from './valid-records.ts';
import { writeRecords } from './write-records.ts';

const help = `Usage:
  node testdata/generate.ts
      writes the six files of testdata/ again
  node testdata/generate.ts <resource> <records> <file> [options]
      writes a file of that many records of ${resources.join(', ')};
      the format goes by the ending: .csv .ndjson .jsonl .json, each also .gz

Options:
  --invalid <share>   how many of the records break a rule, 0 to 1 (default 0)
  --users <n>         how many users articles and comments refer to (default: as many as records)
  --articles <n>      how many articles comments refer to (default: as many as records)
  --seed <n>          files that belong together have the same (default 0)
  --help

Users, articles and comments of one seed fit together:
  node testdata/generate.ts users    1000000 users.csv
  node testdata/generate.ts articles  500000 articles.ndjson --users 1000000
  node testdata/generate.ts comments 1000000 comments.ndjson --users 1000000 --articles 500000
`;

function parse() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      invalid: { type: 'string' },
      users: { type: 'string' },
      articles: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return { action: 'help' } as const;
  if (positionals.length === 0) return { action: 'six files' } as const;
  const [resource, records, path, ...rest] = positionals;
  if (!resources.includes(resource as ResourceName))
    throw new Error(`resource must be one of: ${resources.join(', ')}`);
  if (records === undefined || path === undefined || rest.length > 0)
    throw new Error('expected <resource> <records> <file>');
  return {
    action: 'records',
    options: {
      resource: resource as ResourceName,
      records: count('records', records, 0),
      path,
      invalid: share(values.invalid),
      users: values.users === undefined ? undefined : count('--users', values.users, 1),
      articles: values.articles === undefined ? undefined : count('--articles', values.articles, 1),
      seed: values.seed === undefined ? undefined : count('--seed', values.seed, 0),
    },
  } as const;
}

function count(name: string, text: string, least: number): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isSafeInteger(value) || value < least || value >= 2 ** 32) {
    throw new Error(`${name} must be a whole number from ${least} to 4294967295, not ${text}`);
  }
  return value;
}

function share(text = '0'): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new Error(`--invalid must be a number from 0 to 1, not ${text}`);
  return value;
}

try {
  const request = parse();
  if (request.action === 'help') {
    process.stdout.write(help);
  } else if (request.action === 'six files') {
    for (const [name, text] of Object.entries({ ...seedFiles(), ...faultyFiles() })) {
      await writeFile(join(import.meta.dirname, name), text);
    }
  } else {
    const { valid, invalid, bytes } = await writeRecords(request.options);
    process.stdout.write(`${request.options.path}: ${valid} valid and ${invalid} invalid records, ${bytes} bytes\n`);
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
