// A seeded, short run of the fuzzing (npm run fuzz is the long one), and what hostile input has to cost: no more for each
// byte of a long file than of a short one.
import fc from 'fast-check';
import t from 'tap';
import type { Format } from '../src/resources/formats.ts';
import { resourceNamed } from '../src/resources/index.ts';
import { parseChunk } from '../workers/parse-chunk.ts';
import { openTargets } from './fuzz/targets.ts';
import { split } from './import/split.ts';

const seed = 20_261_124;
const runs = { 'files, split and parsed': 300, 'files, imported': 12, requests: 400, bytes: 50 };

t.test('whatever is sent: no crash, no 5xx, no internal message, every record counted', async (t) => {
  const { targets, finish } = await openTargets(t);
  for (const { name, property } of targets) {
    const numRuns = runs[name as keyof typeof runs];
    const details = await fc.check(property, { seed, numRuns });
    t.notOk(details.failed, details.failed ? (fc.defaultReportMessage(details) ?? name) : `${name}, ${numRuns} times`);
  }
  await t.resolves(finish());
});

/** Repeated through the whole file; the header is put before those of a CSV. */
const patterns: [format: Format, unit: string][] = [
  ...['"', '""', '",', 'a"', '"\n', '"a\n', 'a,"b\n', '"\r', '\n', '\r', '\r\n', ',', ',\n', 'a', '"",', '\0'].map(
    (unit): [Format, string] => ['csv', unit],
  ),
  ...['{', '{}', '[', '"', '\\', '\n', ' ', '\r', '{"a":1}\n', '{"id":"\\ud800"}\n', '[[],', '{"a":{},'].map(
    (unit): [Format, string] => ['ndjson', unit],
  ),
  ...['[', '[],', '{},', '"', '"\\', '1,', 'a', ' ', ',', '{"a":[1,2,{}]},', '\n', '"\\"",'].map(
    (unit): [Format, string] => ['json', unit],
  ),
];

const shortBytes = 64 * 1024;
const steep = 2.5;

t.test('the cost of a byte is the same in a file four times as long', async (t) => {
  for (const [format, unit] of patterns) {
    const ratio = await smallestRatio(async (bytes) => await cost(format, unit, bytes));
    t.ok(ratio < steep, `${format} ${JSON.stringify(unit)}: ${ratio.toFixed(1)}`);
  }
});

/** Quadratic cost gives 4 each time; a machine that is busy elsewhere gives it once. */
async function smallestRatio(costOf: (bytes: number) => Promise<number>): Promise<number> {
  let smallest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 6 && smallest >= steep; attempt++) {
    const short = await costOf(shortBytes);
    const long = await costOf(4 * shortBytes);
    smallest = Math.min(smallest, long / 4 / Math.max(short, 1000));
  }
  return smallest;
}

/** CPU time in microseconds to split and parse it. */
async function cost(format: Format, unit: string, bytes: number): Promise<number> {
  const resource = resourceNamed('users');
  const start = { csv: 'id,email,name,role,created_at\n', json: '[', ndjson: '' }[format];
  const file = Buffer.from(start + unit.repeat(Math.ceil(bytes / unit.length)));
  const before = process.cpuUsage();
  const { chunks, csv } = await split(file, { resource, format, maxRecordBytes: 8 * 2 ** 20 });
  for (const { firstRecord, bytes, table } of chunks) {
    parseChunk(
      {
        jobId: '',
        resource: 'users',
        format,
        csv,
        now: '2024-01-01T00:00:00Z',
        firstRecord,
        rowOrder: 'key',
        bytes,
        table,
      },
      resource,
    );
  }
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
