// What the typed client takes out: records at once, and the files of export jobs.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { BulkChecksumError, saveFile } from '../src/client/index.ts';
import { holdJobs } from './hold-jobs.ts';
import { bytesOf, startClient } from './start-client.ts';

const { app, client, folder, users, changed } = await startClient(t);
const { job_id } = await client.importFile(await users('users.csv', 1_000, 1), { resource: 'users' });
await client.waitForImport(job_id);

t.test('records are exported as a stream; a stream that is cut is an error', async (t) => {
  const selection = {
    resource: 'users',
    format: 'csv',
    fields: ['id', 'email'],
    filters: { role: { in: ['admin'] } },
  } as const;
  const { fileName, body } = await client.exportRows(selection);
  t.equal(fileName, 'users.csv');
  const lines = (await bytesOf(body)).toString().trimEnd().split('\n');
  t.equal(lines[0], 'id,email');
  const { rows } = await client.estimateExport({ resource: 'users', filters: selection.filters });
  t.equal(lines.length - 1, rows);

  const path = join(folder, 'saved.csv');
  await saveFile(path, async () => (await client.exportRows(selection)).body);
  t.equal((await readFile(path, 'utf8')).trimEnd().split('\n').length, lines.length);
  const nowhere = join(folder, 'nowhere', 'saved.csv');
  let asked = false;
  const ask = async () => {
    asked = true;
    return (await client.exportRows(selection)).body;
  };
  await t.rejects(saveFile(nowhere, ask), { code: 'ENOENT' });
  t.equal(asked, false, 'nothing is asked for that nobody would read');

  const cut = changed(async (_url, go) => cutAfter(await go(), 1000));
  await t.rejects(bytesOf((await cut.exportRows({ resource: 'users' })).body), { name: 'BulkConnectionError' });
});

t.test('the file of an export job is resumed where it broke off, and compared with its hash', async (t) => {
  const letGo = await holdJobs(t, app);
  const { job_id } = await client.startExport({ resource: 'users', format: 'csv', sort: 'id' });
  await t.rejects(client.download(job_id), { code: 'export_not_ready' });
  await letGo();
  const job = await client.waitForExport(job_id);
  t.equal(job.status, 'completed');
  t.match(await client.exports({ resource: 'users' }), { exports: [{ job_id }] }, 'not the records');
  const whole = await bytesOf(await client.download(job_id));
  t.equal(whole.length, job.bytes);

  const ranges: unknown[] = [];
  const cut = changed(async (url, go, { headers }) => {
    if (!url.endsWith('/download')) return await go();
    ranges.push((headers as Record<string, string>).range);
    return ranges.length < 3 ? cutAfter(await go(), 5_000) : await go();
  });
  const path = join(folder, 'resumed.csv');
  await cut.downloadTo(path, job_id);
  t.same(await readFile(path), whole);
  t.same(ranges, [undefined, 'bytes=5000-', 'bytes=10000-']);

  const begun = join(folder, 'begun.csv');
  await writeFile(join(folder, `.begun.csv.${job_id}.part`), whole.subarray(0, 7_000));
  await client.downloadTo(begun, job_id);
  t.same(await readFile(begun), whole, 'by an earlier process');

  await writeFile(join(folder, `.damaged.csv.${job_id}.part`), 'damaged');
  await t.rejects(client.downloadTo(join(folder, 'damaged.csv'), job_id), BulkChecksumError);
  await t.rejects(readFile(join(folder, 'damaged.csv')), { code: 'ENOENT' });
  await client.downloadTo(join(folder, 'damaged.csv'), job_id);
  t.same(await readFile(join(folder, 'damaged.csv')), whole, 'what was damaged is not kept');
});

t.end();

/** The answer as it is when its connection breaks after so many bytes. */
function cutAfter(answer: Response, bytes: number): Response {
  let left = bytes;
  const body = answer.body!.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        controller.enqueue(piece.subarray(0, left));
        left -= piece.length;
        if (left < 0) controller.error(new TypeError('terminated'));
      },
    }),
  );
  return new Response(body, { status: answer.status, headers: answer.headers });
}
