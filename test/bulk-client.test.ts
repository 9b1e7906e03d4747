// The typed client against the real service, over real sockets; lost connections are lost.
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { appendFile, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import { freePort } from '../db/embedded/free-port.ts';
import {
  BulkChecksumError,
  BulkClient,
  BulkConnectionError,
  BulkProblem,
  type ImportState,
  saveFile,
} from '../src/client/index.ts';
import { startProxy } from './db/cuttable-proxy.ts';
import { holdJobs } from './hold-jobs.ts';
import { bytesOf, collect, startClient } from './start-client.ts';

const faulty = new URL('../testdata/users_huge.csv', import.meta.url).pathname;

const { app, baseUrl, client, folder, users, changed } = await startClient(t);

/** What fetch throws when a connection fails. */
function failed(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) });
}

t.test('a file is sent from disk, watched to its end, and its errors come as they are found', async (t) => {
  const preview = await client.preview(faulty);
  t.match(preview, { resource_guess: 'users', format: 'csv' });
  t.ok(preview.rejected > 0);

  const sent: number[] = [];
  const { job_id, replayed } = await client.importFile(faulty, {
    resource: 'users',
    onUpload: (bytes) => sent.push(bytes),
  });
  t.equal(replayed, false);
  t.equal(sent.at(-1), (await readFile(faulty)).length);

  const states = await collect(client.watchImport(job_id));
  t.match(states.at(-1), { status: 'completed', processed: 10_000, successful: 3_233 });
  t.same(
    states.map(({ processed }) => processed),
    states.map(({ processed }) => processed).sort((a, b) => a - b),
  );
  t.equal((await collect(client.errors(job_id))).length, 7_086);
  const { groups } = await client.errorGroups(job_id);
  t.equal(
    groups.reduce((sum, { count }) => sum + count, 0),
    7_086,
  );
  const report = await bytesOf((await client.errorReport(job_id, 'csv')).body);
  t.ok(report.toString().startsWith('line,field,message,value\n'));

  const rejects = await client.rejects(job_id);
  const mended = new File([await bytesOf(rejects.body)], rejects.fileName ?? '');
  const next = await client.importFile(mended, { resource: 'users' });
  t.match(await client.waitForImport(next.job_id), { file_name: 'rejected_users_huge.csv', failed: 6_767 });
  t.ok((await client.imports({ status: 'completed' })).imports.some((job) => job.job_id === job_id));
});

t.test('the same file again is the same job, unless that failed or it is asked for', async (t) => {
  const path = await users('twice.csv', 10, 1);
  const first = await client.importFile(path, { resource: 'users' });
  await client.waitForImport(first.job_id);
  t.match(await client.importFile(path, { resource: 'users' }), { job_id: first.job_id, replayed: true });
  const again = await client.importFile(path, { resource: 'users', again: true });
  t.not(again.job_id, first.job_id);
  t.match(await client.waitForImport(again.job_id), { failed: 10, errors: [{ code: 'duplicate' }] });

  const broken = new File(['id,email\n'], 'broken.csv');
  const failed = await client.importFile(broken, { resource: 'users' });
  t.match(await client.waitForImport(failed.job_id), { status: 'failed', failure: { code: 'missing_columns' } });
  const next = await client.importFile(broken, { resource: 'users' });
  t.not(next.job_id, failed.job_id);
  t.equal(next.replayed, false);
});

t.test('a stream is sent as it comes', async (t) => {
  const content = await readFile(await users('stream.csv', 100, 2));
  const stream = Readable.from([content.subarray(0, 1000), content.subarray(1000)]);
  const { job_id } = await client.importFile(stream, { resource: 'users', fileName: 'a ü.csv' });
  t.match(await client.waitForImport(job_id), { successful: 100, file_name: 'a ü.csv' });
});

t.test('what the service refuses is a BulkProblem that says why', async (t) => {
  const large = new File([Buffer.alloc(8 * 1024 * 1024, '\n')], 'large.csv');
  await t.rejects(client.importFile(large, { resource: 'planets' }), {
    name: 'BulkProblem',
    code: 'unknown_resource',
    status: 400,
    detail: /must be one of: users/,
    request_id: /./,
    retryAfter: null,
  });
  await t.rejects(client.import(crypto.randomUUID()), { code: 'job_not_found', status: 404 });
  const proxied = changed(async () => new Response('<html>', { status: 502 }));
  await t.rejects(proxied.overview(), { name: 'BulkProblem', code: 'http_502', status: 502 });
});

t.test('a POST that is led elsewhere is not taken for one that arrived; the error says where to', async (t) => {
  for (const status of [301, 308]) {
    const moved = new BulkClient({
      baseUrl: await serveAlone(t, (request, response) => {
        request.resume();
        response.writeHead(status, { location: `${baseUrl.origin}${request.url}?x=1` }).end();
      }),
    });
    const error = {
      name: 'BulkProblem',
      code: `http_${status}`,
      message: new RegExp(`: give ${baseUrl.origin} as the URL`),
    };
    await t.rejects(moved.importFile(new File(['id\n'], 'moved.csv'), { resource: 'users' }), error);
    await t.rejects(moved.startExport({ resource: 'users' }), error);
    await t.rejects(moved.cancelImport(crypto.randomUUID()), error);
    t.match(await moved.health(), { status: 'healthy' }, 'a GET is');
  }
  const opaque = changed(async () => Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' }));
  await t.rejects(opaque.cancelImport('x'), { message: /give another URL/ }, 'browsers do not say where to');

  const portal = changed(async () => Response.json({ imports: [] }));
  const nameless = { code: 'http_200', message: /names no job/ };
  await t.rejects(portal.importFile(new File(['id\n'], 'portal.csv'), { resource: 'users' }), nameless);
  await t.rejects(portal.startExport({ resource: 'users' }), nameless);
});

t.test('a source that fails is told with its own error, and a pipe is no path', async (t) => {
  async function* failing() {
    yield Buffer.from('id,email,name,role,created_at\n');
    throw new RangeError('my source broke');
  }
  const options = { resource: 'users', fileName: 'u.csv' };
  const before = await client.imports();
  await t.rejects(client.importFile(failing(), options), { name: 'RangeError', message: 'my source broke' });
  t.same(await client.imports(), before, 'nothing was accepted');
  const pipe = join(folder, 'pipe.csv');
  execFileSync('mkfifo', [pipe]);
  for (const path of [pipe, folder]) {
    await t.rejects(client.importFile(path, options), { message: `${path} is no ordinary file; give a stream` });
    await t.rejects(client.preview(path), { name: 'TypeError' });
  }
});

t.test('a file that changes while it is sent is an error, and of nothing but the call', async (t) => {
  const path = join(folder, 'changing.csv');
  await writeFile(path, Buffer.alloc(30_000_000, 'x'));
  const sent: number[] = [];
  const slow = await serveAlone(t, (request) => {
    sent.push(Number(request.headers['content-length']));
    request.on('error', () => {});
    request.once('data', () => {
      request.pause();
      void appendFile(path, 'more\n').then(() => request.resume());
    });
  });
  const sending = new BulkClient({ baseUrl: slow });
  const error = { name: 'Error', message: /^the file changed/ };
  await t.rejects(sending.importFile(path, { resource: 'users' }), error);
  t.equal(sent.length, 1, 'that is not tried again');
  t.ok(sent[0]! > 30_000_000, 'the service knows how much is to come');

  const before = await openAsBlob(path);
  await appendFile(path, 'more\n');
  await t.rejects(client.importFile(before, { resource: 'users' }), error, 'already when it is hashed');
  await t.rejects(client.preview(before), error);
});

t.test('a service that is busy is asked again, as long as it says when', async (t) => {
  let left = 2;
  const told: [code: string, retryInMs: number][] = [];
  const busy = (headers: Record<string, string>) =>
    changed(
      async (_url, go) => (left-- > 0 ? Response.json({ code: 'too_busy' }, { status: 503, headers }) : await go()),
      ({ code }, retryInMs) => told.push([code, retryInMs]),
    );
  const path = await users('busy.csv', 10, 4);
  const { job_id } = await busy({ 'retry-after': '0' }).importFile(path, { resource: 'users' });
  t.match(await client.waitForImport(job_id), { successful: 10 });
  t.equal(left, -1);
  t.same(told, Array(2).fill(['too_busy', 100]), 'not in a breath');
  left = 1;
  t.match(await busy({ 'retry-after': new Date(Date.now() - 1000).toUTCString() }).resources(), { formats: [] });
  left = 1;
  await t.rejects(
    busy({ 'retry-after': '3600' }).health(),
    { code: 'too_busy', retryAfter: 3600 },
    'but not for an hour',
  );
  left = 1;
  await t.rejects(busy({}).health(), { code: 'too_busy', retryAfter: null });
});

t.test('an upload whose connection is lost is sent again, and is one job', async (t) => {
  let uploads = 0;
  const lossy = changed(async (_url, go) => {
    const answer = await go();
    if (uploads++ > 0) return answer;
    await answer.body?.cancel();
    throw failed('ECONNRESET');
  });
  const accepted = await lossy.importFile(await users('lossy.csv', 10, 5), { resource: 'users' });
  t.equal(uploads, 2);
  t.equal(accepted.replayed, true, 'the first one had arrived');
  t.match(await client.waitForImport(accepted.job_id), { successful: 10, failed: 0 });
});

t.test('watching goes on after lost connections, and once a service that was away is back', async (t) => {
  const proxy = await startProxy(t, { host: '127.0.0.1', port: Number(baseUrl.port) });
  const letGo = await holdJobs(t, app);
  const { job_id } = await client.importFile(await users('held.csv', 10, 6), { resource: 'users' });
  const lost: string[] = [];
  let away = 1;
  const seen: unknown[] = [];
  const proxied = new BulkClient({
    baseUrl: `http://127.0.0.1:${proxy.connection.port}`,
    fetch: async (input, init = {}) => {
      if (lost.length > 0 && away-- > 0) throw failed('ECONNREFUSED');
      seen.push((init.headers as Record<string, string>)['last-event-id'] !== undefined);
      return await fetch(input, init);
    },
  });
  const onLost = ({ message }: Error) => {
    lost.push(message);
    if (lost.length === 2) void letGo();
  };
  const states: ImportState[] = [];
  for await (const state of proxied.watchImport(job_id, { onLost })) {
    states.push(state);
    if (lost.length === 0) proxy.cut();
  }
  t.match(lost, [/connection was lost/, /ECONNREFUSED/]);
  t.same(seen, [false, true], 'a state that was seen is not asked for again');
  t.match(states.at(-1), { status: 'completed', successful: 10 });

  const gone = changed(async () => {
    throw failed('ECONNREFUSED');
  });
  await t.rejects(collect(gone.watchImport(job_id, { lostForMs: 0 })), { code: 'ECONNREFUSED' }, 'but not for ever');
});

t.test('where there are no events the job is asked after', async (t) => {
  let asked = 0;
  const eventless = changed(async (url, go) => {
    if (url.endsWith('/events')) return Response.json({ code: 'not_found' }, { status: 404 });
    asked++;
    return await go();
  });
  const { job_id } = await client.importFile(await users('asked.csv', 10, 7), { resource: 'users' });
  const states = await collect(eventless.watchImport(job_id, { pollMs: 10 }));
  t.match(states.at(-1), { status: 'completed' });
  t.ok(asked > 0);
  let streams = 0;
  const kept = changed(async (url, go) => {
    if (!url.endsWith('/events')) return await go();
    streams++;
    return new Response('', { headers: { 'content-type': 'text/event-stream' } });
  });
  t.match((await collect(kept.watchImport(job_id))).at(-1), { status: 'completed' }, 'something in between keeps them');
  t.equal(streams, 3);
  await t.rejects(collect(client.watchImport(crypto.randomUUID())), { code: 'job_not_found' });
});

t.test('figures and descriptions', async (t) => {
  t.match(await client.health(), { status: 'healthy' });
  t.ok((await client.overview()).resources.users);
  t.same(
    (await client.resources()).resources.map(({ name }) => name),
    ['users', 'articles', 'comments'],
  );
});

t.test('a service that is away is a BulkConnectionError at once', async (t) => {
  const port = await freePort();
  const away = new BulkClient({ baseUrl: `http://127.0.0.1:${port}` });
  await t.rejects(away.overview(), BulkConnectionError);
  await t.rejects(away.overview(), {
    code: 'ECONNREFUSED',
    message: new RegExp(`127.0.0.1:${port}: connect ECONNREFUSED`),
  });
  await t.rejects(away.import('x', { signal: AbortSignal.abort(new Error('stopped')) }), { message: 'stopped' });
});

t.test('the client is imported by the name of the package', async (t) => {
  const { BulkClient: named } = await import('bulk-import-export-api/client');
  t.equal(named, BulkClient);
  t.ok(new BulkProblem(400, new Headers(), {}) instanceof Error);
});

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

  // A process that was killed has not given its part back; one that runs still writes it.
  const killed = join(folder, 'killed.csv');
  const dead = spawnSync('true').pid;
  const partOf = (pid: number) => join(folder, `.killed.csv.${job_id}.${pid}.${crypto.randomUUID()}.part`);
  const [itsPart, running, namesake] = [partOf(dead), partOf(process.ppid), partOf(process.pid)];
  for (const part of [itsPart, running]) await writeFile(part, whole.subarray(0, 8_000));
  ranges.length = 3;
  await cut.downloadTo(killed, job_id);
  t.same([await readFile(killed), ranges[3]], [whole, 'bytes=8000-'], 'by a process that was killed');
  t.ok((await readdir(folder)).includes(basename(running)));
  await rename(running, namesake);
  await cut.downloadTo(killed, job_id);
  t.equal(ranges[4], 'bytes=8000-', 'by one that had the pid of this one');

  const both = join(folder, 'both.csv');
  await writeFile(join(folder, `.both.csv.${job_id}.part`), whole.subarray(0, 7_000));
  let downloads = 0;
  const together = Promise.withResolvers<void>();
  const meeting = changed(async (url, go) => {
    if (!url.endsWith('/download')) return await go();
    if (++downloads === 2) together.resolve();
    await together.promise;
    return await go();
  });
  await Promise.all([meeting.downloadTo(both, job_id), meeting.downloadTo(both, job_id)]);
  t.same(await readFile(both), whole, 'two at once do not write into one another');

  const huge = `.huge.csv.${job_id}.part`;
  await writeFile(join(folder, huge), '');
  await truncate(join(folder, huge), 2e10);
  const timeout = { signal: AbortSignal.timeout(200) };
  await t.rejects(client.downloadTo(join(folder, 'huge.csv'), job_id, timeout), { name: 'TimeoutError' });
  await rename(join(folder, huge), join(folder, 'huge.csv'));
  const importing = client.importFile(join(folder, 'huge.csv'), {
    resource: 'users',
    signal: AbortSignal.timeout(200),
  });
  await t.rejects(importing, { name: 'TimeoutError' }, 'what is read before anything is sent ends too');

  const stop = new AbortController();
  const stopped = client.downloadTo(join(folder, 'stopped.csv'), job_id, {
    signal: stop.signal,
    onBytes: () => stop.abort(new Error('stopped')),
  });
  await t.rejects(stopped);
  const parts = (await readdir(folder)).filter((name) => name.endsWith('.part'));
  t.same(parts, [`.stopped.csv.${job_id}.part`], 'what is there is left for the next call');

  await writeFile(join(folder, `.damaged.csv.${job_id}.part`), 'damaged');
  await t.rejects(client.downloadTo(join(folder, 'damaged.csv'), job_id), BulkChecksumError);
  await t.rejects(readFile(join(folder, 'damaged.csv')), { code: 'ENOENT' });
  await client.downloadTo(join(folder, 'damaged.csv'), job_id);
  t.same(await readFile(join(folder, 'damaged.csv')), whole, 'what was damaged is not kept');
});

t.end();

/** @returns the URL of a server that is none of ours. */
async function serveAlone(t: Pick<Test, 'after'>, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

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
