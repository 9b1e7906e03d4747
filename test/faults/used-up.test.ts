// Whatever runs out – disk, descriptors, connections, memory, a client's patience – ends in a clear state and message, and
// everything is given back: counted at the end.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { createGzip, gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import t, { type Test } from 'tap';
import { openPool } from '../../db/client.ts';
import { buildApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { FileStore } from '../../src/file-store.ts';
import { build } from '../build.ts';
import { ended, type ImportStatus, importFile, listen, post, statusOf } from '../client.ts';
import { createDatabase, createEmptyDatabase } from '../databases.ts';
import { environment } from '../environment.ts';
import { id } from '../numbered.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const header = 'id,email,name,role,created_at\n';
const user = (n: number, name = `User ${n}`) => `${id(n)},u${n}@example.com,${name},admin,2024-01-01T00:00:00Z\n`;
const users = (count: number, from = 1) => header + Array.from({ length: count }, (_, n) => user(from + n)).join('');

const boundary = 'X';
const beginning =
  `--X\r\nContent-Disposition: form-data; name="resource"\r\n\r\nusers\r\n` +
  `--X\r\nContent-Disposition: form-data; name="file"; filename="u.csv"\r\n\r\n${header}`;

/** Sends the head of an upload and the beginning of its form. */
async function beginUpload(app: FastifyInstance, headers = ''): Promise<Socket> {
  const { port, hostname } = await listen(app);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(
    `POST /v1/imports HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: 1000000\r\n\r\n${beginning}`,
  );
  return socket;
}

const uploadsOf = async (app: FastifyInstance) => await readdir(app.config.uploadDir);

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** Waits until a condition holds; the test's own time-out is the limit. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

t.test('a file that cannot be made lasting is not kept', async (t) => {
  const folder = await temporaryFolder(t);
  const store = await FileStore.open(folder);
  const handle = await open(folder);
  const methods = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { sync } = methods;
  methods.sync = async () => {
    throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
  };
  try {
    await t.rejects(store.write(Readable.from([Buffer.from('content')])), { code: 'EIO' });
  } finally {
    methods.sync = sync;
  }
  t.same(await readdir(folder), []);
});

t.test('clients that are too slow, or go', async (t) => {
  const app = await build(t, { CLIENT_STALL_TIMEOUT: '300ms', CLIENT_MIN_RATE: '20KB' });
  const key = 'Idempotency-Key: the same\r\n';

  await t.test('an upload that stands still ends with 408; its file and its key are free', async (t) => {
    const socket = await beginUpload(app, key);
    await until(async () => (await uploadsOf(app)).length === 1);
    // However much came before.
    socket.write(users(500));
    const answer = await text(socket);
    t.match(answer, /^HTTP\/1\.1 408 /);
    t.match(answer, /"code":"request_timeout"/);
    t.match(answer, /connection: close/i);
    t.same(await uploadsOf(app), []);
    const again = await post(app, {
      resource: 'users',
      name: 'u.csv',
      content: users(1),
      headers: { 'idempotency-key': 'the same' },
    });
    t.equal(again.statusCode, 202, 'the key is free');
  });

  await t.test('one that comes by drops ends as well; one that takes its time does not', async (t) => {
    const before = await uploadsOf(app);
    const slow = await beginUpload(app);
    let answer = '';
    slow.on('data', (block) => (answer += block));
    const drops = setInterval(() => slow.write('x'), 20);
    // One more drop may meet a connection that is gone.
    await closed(slow);
    clearInterval(drops);
    t.match(answer, /^HTTP\/1\.1 408 /);

    const { port } = await listen(app);
    const steady = async function* () {
      yield Buffer.from(beginning);
      for (let n = 0; n < 40; n++) {
        await pause(25);
        yield Buffer.from(Array.from({ length: 40 }, (_, k) => user(1000 + n * 40 + k)).join(''));
      }
      yield Buffer.from('\r\n--X--\r\n');
    };
    const response = await fetch(`http://127.0.0.1:${port}/v1/imports`, {
      method: 'POST',
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
      body: Readable.toWeb(Readable.from(steady())) as ReadableStream,
      duplex: 'half',
    } as RequestInit);
    t.equal(response.status, 202, 'it took three times as long as a client may stand still');
    const { job_id } = (await response.json()) as { job_id: string };
    t.match(await ended(app, job_id), { status: 'completed', successful: 1600 });
    t.equal((await uploadsOf(app)).length, before.length + 1);
  });

  await t.test('a JSON body that never ends', async (t) => {
    const { port, hostname } = await listen(app);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/exports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"resource"',
    );
    t.match(await text(socket), /^HTTP\/1\.1 408 .*request_timeout/s);
  });

  await t.test('a client that goes on sending long after it was refused is cut off', async (t) => {
    const { port, hostname } = await listen(app);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    let answer = '';
    socket.on('data', (block) => (answer += block));
    socket.write(
      'POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1000000000\r\n\r\n',
    );
    const sending = setInterval(() => socket.write('x'.repeat(10_000)), 5);
    await closed(socket);
    clearInterval(sending);
    t.match(answer, /^HTTP\/1\.1 404 /);
  });

  await t.test('clients that leave in the middle leave nothing', async (t) => {
    const before = await uploadsOf(app);
    const jobs = async () => (await app.sql`SELECT FROM bulk.jobs`).length;
    const jobsBefore = await jobs();
    for (const headers of ['', 'Idempotency-Key: left\r\n']) {
      const socket = await beginUpload(app, headers);
      await until(async () => (await uploadsOf(app)).length === before.length + 1);
      socket.destroy();
      await until(async () => (await uploadsOf(app)).length === before.length);
    }
    await until(async () => (await app.sql`SELECT FROM bulk.idempotency_keys WHERE key = 'left'`).length === 0);
    t.equal(await jobs(), jobsBefore, 'neither file nor key, nor job');
  });

  await t.test('a client that reads nothing, or by drops, frees its connection to the database', async (t) => {
    // One that takes nothing is seen without a rate; one that takes something all the time, by the rate alone.
    for (const [minRate, readBytes] of [
      ['0', 0],
      ['8MB', 64],
      ['8MB', 65_536],
    ] as const) {
      const app = await build(t, { CLIENT_STALL_TIMEOUT: '300ms', CLIENT_MIN_RATE: minRate });
      await app.sql`INSERT INTO users (id, email, name, role, active, created_at, updated_at)
        SELECT gen_random_uuid(), 'e' || n || '@example.com', repeat('name ', 5000), 'viewer', true, now(), now()
        FROM generate_series(1, 3000) n`;
      // Twice of what the kernel may keep for a connection (net.ipv4.tcp_rmem: 32 MB).
      const exportedBytes = 3000 * 'name '.length * 5000;
      // What comes before the COPY in its transaction is active for a moment, too.
      const streaming = async () =>
        (
          await app.sql`SELECT FROM pg_stat_activity WHERE datname = current_database()
          AND application_name = 'bulk streams' AND state = 'active' AND query ILIKE 'copy%'`
        ).length;
      const { port, hostname } = await listen(app);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      socket.write('GET /v1/exports?resource=users HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await until(async () => (await streaming()) === 1);
      socket.pause();
      const reading = setInterval(() => readBytes > 0 && socket.read(readBytes), 20);
      await until(async () => (await streaming()) === 0);
      clearInterval(reading);
      socket.resume();
      await closed(socket);
      t.ok(socket.bytesRead < exportedBytes, `${readBytes} bytes at a time: not all of it was sent`);
    }
  });
});

/** A file system of one megabyte; null where this user may not mount one. */
async function mountTiny(t: Pick<Test, 'after'>): Promise<string | null> {
  const folder = join(await temporaryFolder(t), 'tiny');
  await mkdir(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=777', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  t.after(() => execFileSync('umount', ['-l', folder]));
  return folder;
}

const tiny = await mountTiny(t);
const skip = tiny === null && 'only root may mount a file system of one megabyte';

t.test('a disk that is full', { skip }, async (t) => {
  if (!tiny) return;
  const app = await build(t, { UPLOAD_DIR: join(tiny, 'up'), EXPORT_DIR: join(tiny, 'out') });

  await t.test('an upload is answered with 507, and leaves nothing', async (t) => {
    const content = users(20_000);
    const answer = await post(app, { resource: 'users', name: 'u.csv', content, headers: { 'idempotency-key': 'k' } });
    t.equal(answer.statusCode, 507);
    t.equal(answer.json().code, 'storage_full');
    t.same(await uploadsOf(app), []);
    t.match(
      await importFile(app, {
        resource: 'users',
        name: 'u.csv.gz',
        content: gzipSync(content),
        headers: { 'idempotency-key': 'k' },
      }),
      { status: 'completed', successful: 20_000 },
      'the same key, once there is room',
    );
  });

  await t.test('an export job fails with storage_full, and leaves nothing', async (t) => {
    const accepted = await app.inject({ method: 'POST', url: '/v1/exports', payload: { resource: 'users' } });
    const job = await ended<{ status: string; failure: { code: string } }>(app, accepted.json().job_id, 'exports');
    t.match(job, { status: 'failed', failure: { code: 'storage_full', detail: /no space is left/ } });
    t.same(await readdir(app.config.exportDir), []);
    const smaller = { resource: 'users', limit: 10 };
    const { job_id } = (await app.inject({ method: 'POST', url: '/v1/exports', payload: smaller })).json();
    t.match(await ended(app, job_id, 'exports'), { status: 'completed' });
  });
});

t.test('a database whose disk is full', async (t) => {
  const connection = await createDatabase(t);
  const sql = openPool(connection, { max: 1, name: 'test' });
  t.after(async () => await sql.end());
  // What a sequence counts stays when the rest is rolled back.
  await sql.unsafe(`CREATE SEQUENCE refusals; CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM nextval('refusals'); RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
  const fill = async (table: string) =>
    await sql.unsafe(`CREATE TRIGGER full_disk BEFORE INSERT ON ${table} EXECUTE FUNCTION full_disk()`);
  const start = async (env: Record<string, string>) => {
    const app = await buildApp(loadConfig({ ...environment(connection, await temporaryFolder(t)), ...env }));
    t.after(async () => await app.close());
    return app;
  };

  const patient = await start({});
  await fill('users');
  const accepted = await post(patient, { resource: 'users', name: 'u.csv', content: users(10) });
  const { job_id } = accepted.json();
  const refusedAgain = async () => (await sql`SELECT FROM refusals WHERE last_value > 2`).length === 1;
  await until(async () => (await refusedAgain()) || (await statusOf(patient, job_id)).status === 'failed');
  t.match(await statusOf(patient, job_id), { status: 'processing' }, 'it waits');
  await sql`DROP TRIGGER full_disk ON users`;
  t.match(
    await ended(patient, job_id),
    { status: 'completed', successful: 10 },
    'an import goes on when there is room',
  );

  await fill('bulk.jobs');
  const refused = await post(patient, { resource: 'users', name: 'u.csv', content: users(10, 100) });
  t.match(refused, { statusCode: 507 });
  t.equal(refused.json().code, 'storage_full');
  t.equal((await uploadsOf(patient)).length, 1, 'no file is left of the one that was refused');
  await sql`DROP TRIGGER full_disk ON bulk.jobs`;
  await patient.close();

  await fill('users');
  const impatient = await start({ DB_RETRY_FOR: '1s' });
  const failed = await importFile(impatient, { resource: 'users', name: 'u.csv', content: users(10, 200) });
  t.match(failed, { status: 'failed', failure: { code: 'database_full' }, processed: 0 });
  t.same(failed.unprocessed, [{ from_line: 1, to_line: null }]);
});

t.test('no connection to the database is left', async (t) => {
  const connection = await createEmptyDatabase(t);
  const admin = openPool(connection, { max: 1, name: 'test' });
  const role = `limited_${process.pid}`;
  await admin.unsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'limited'; ALTER DATABASE ${connection.database} OWNER TO ${role};
    GRANT ALL ON SCHEMA public TO ${role}`);
  t.after(async () => {
    await admin.unsafe(
      `DROP OWNED BY ${role} CASCADE; ALTER DATABASE ${connection.database} OWNER TO CURRENT_USER; DROP ROLE ${role}`,
    );
    await admin.end();
  });
  const env = environment({ ...connection, user: role, password: 'limited' }, await temporaryFolder(t));
  const app = await buildApp(loadConfig({ ...env, IMPORT_BATCH_SIZE: '20' }));
  const { job_id } = (await post(app, { resource: 'users', name: 'u.csv', content: users(4_000) })).json();
  await until(async () => (await statusOf(app, job_id)).processed > 0);
  await admin.unsafe(`ALTER ROLE ${role} CONNECTION LIMIT 0`);
  await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${role}`;
  let answer = await app.inject(`/v1/imports/${job_id}`);
  // The first may still meet a connection that was just ended.
  for (let n = 0; n < 3; n++) answer = await app.inject(`/v1/imports/${job_id}`);
  t.match(answer, { statusCode: 503, headers: { 'retry-after': '5' } });
  t.equal(answer.json().code, 'database_unavailable');
  t.equal((await post(app, { resource: 'users', name: 'u.csv', content: users(1) })).statusCode, 503);
  t.equal((await uploadsOf(app)).length, 1, 'no file is left of an upload that was refused');
  await admin.unsafe(`ALTER ROLE ${role} CONNECTION LIMIT -1`);
  await until(async () => (await app.inject(`/v1/imports/${job_id}`)).statusCode === 200);
  t.match(await ended(app, job_id), { status: 'completed', successful: 4_000, failed: 0 });
  await app.close();
});

t.test('descriptors, memory, errors', async (t) => {
  const limits = { MAX_UNPACKED_SIZE: '400MB', MAX_ROW_ERRORS: '300', IMPORT_BATCH_SIZE: '100', IMPORT_WORKERS: '1' };
  const app = await build(t, limits);

  await t.test('no descriptor is left', async (t) => {
    const folder = app.config.uploadDir;
    const { open } = fs;
    t.after(() => Object.assign(fs, { open }));
    /** As the system does when a process may not open another file. */
    const refuseOpening = (times: number) => {
      let left = times;
      fs.open = ((path: fs.PathLike, ...rest: unknown[]) => {
        const done = rest.at(-1) as (error: Error | null, fd?: number) => void;
        if (!String(path).startsWith(folder) || left-- <= 0)
          return (open as (...all: unknown[]) => void)(path, ...rest);
        process.nextTick(done, Object.assign(new Error('EMFILE: too many open files, open'), { code: 'EMFILE' }));
      }) as typeof fs.open;
    };
    refuseOpening(1);
    const refused = await post(app, { resource: 'users', name: 'u.csv', content: users(5, 10) });
    t.match(refused, { statusCode: 503, headers: { 'retry-after': '5' } });
    t.equal(refused.json().code, 'too_busy');
    fs.open = open;
    const { job_id } = (await post(app, { resource: 'users', name: 'u.csv', content: users(5, 10) })).json();
    t.match(await ended(app, job_id), { status: 'completed', successful: 5 });
    t.equal((await uploadsOf(app)).length, 1);
  });

  await t.test('a gzip bomb is read up to the limit, in constant memory', async (t) => {
    const records = Buffer.from(users(50, 100));
    const bomb = createGzip({ level: 9 });
    bomb.write(records);
    const packed = buffer(bomb);
    const zeros = Buffer.alloc(2 ** 20);
    for (let n = 0; n < 400; n++) if (!bomb.write(zeros)) await once(bomb, 'drain');
    bomb.end();
    const content = await packed;
    t.ok(content.length < 500_000, `${content.length} bytes`);
    const before = process.memoryUsage.rss();
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
    const job = await importFile(app, { resource: 'users', name: 'u.csv.gz', content });
    clearInterval(sampling);
    t.match(job, {
      status: 'failed',
      failure: { code: 'file_too_large', detail: 'the file is larger than 400000000 bytes when unpacked' },
      successful: 50,
    });
    t.equal(job.processed, job.successful + job.failed);
    t.ok(peak - before < 150 * 2 ** 20, `${Math.round((peak - before) / 2 ** 20)} MiB more`);
  });

  await t.test('one enormous record is rejected alone', async (t) => {
    const record = (n: number) =>
      `{"id":"${id(n)}","email":"u${n}@example.com","name":"N","role":"admin","created_at":"2024-01-01T00:00:00Z"}`;
    const long = 'x'.repeat(20 * 2 ** 20);
    const enormous = `{"name":"${long}"}`;
    const files: [format: string, content: string, line: number][] = [
      ['ndjson', [record(1001), enormous, record(1002)].join('\n'), 2],
      ['json', `[${[record(1003), enormous, record(1004)].join(',\n')}]`, 2],
      ['csv', header + user(1005) + user(1006, long) + user(1007), 3],
      ['csv', header + user(1008) + user(1009, `"${long}"`) + user(1010), 3],
    ];
    for (const [format, text, line] of files) {
      const content = gzipSync(text, { level: 1 });
      const job = await importFile(app, { resource: 'users', name: `u.${format}.gz`, content });
      t.match(job, { status: 'completed', total_records: 3, successful: 2, failed: 1 }, format);
      t.match(job.errors, [{ line, record: 2, code: 'length', message: 'record must be at most 8 MiB' }]);
    }
  });

  await t.test('too many errors: as many as allowed end well, one more ends the job', async (t) => {
    const bad = (email: string, role: string) => `${id(20_000)},${email},N,${role},2024-01-01T00:00:00Z\n`;
    // One record has two of the errors.
    const rejected = (errors: number) =>
      users(20, 20_000 + 20 * errors) + bad('no', 'king') + bad('no', 'admin').repeat(errors - 2);
    const enough = await importFile(app, { resource: 'users', name: 'u.csv', content: rejected(300) });
    t.match(enough, { status: 'completed', error_count: 300, failed: 299, successful: 20 });

    const oneMore = await importFile(app, { resource: 'users', name: 'u.csv', content: rejected(301) });
    t.match(oneMore, { error_count: 301, failed: 300 });
    const many = await importFile(app, { resource: 'users', name: 'u.csv', content: rejected(1_000) });
    t.ok(many.error_count > 300 && many.error_count < 1_000, `${many.error_count} errors`);
    t.ok((many.unprocessed?.length ?? 0) > 0);
    for (const job of [oneMore, many]) {
      t.match(job, { status: 'failed', failure: { code: 'too_many_errors', detail: /^more than 300 row errors/ } });
      t.equal(job.processed, job.successful + job.failed);
      const { errors } = (await app.inject(`/v1/imports/${job.job_id}/errors`)).json();
      t.equal(errors.length, job.error_count, 'all that were counted are reported');
      t.equal(new Set(errors.map(({ record }: { record: number }) => record)).size, job.failed);
    }
  });

  await t.test('a parse thread that runs out of memory', async (t) => {
    const { parsePool } = app;
    const { parse } = parsePool;
    const filename = new URL('./eat-memory.ts', import.meta.url).href;
    /** Each time the thread that gets the chunk of that record dies as it would of hostile records. */
    const loseThreads = (...firstRecords: number[]) => {
      parsePool.parse = async (request) => {
        const at = firstRecords.indexOf(request.firstRecord);
        if (at === -1) return await parse(request);
        firstRecords.splice(at, 1);
        return await parsePool.piscina.run(request, { filename });
      };
    };

    // Too far from each other to be under way at the same time.
    loseThreads(301, 1_901);
    const once = await importFile(app, { resource: 'users', name: 'u.csv', content: users(2_000, 3_000) });
    t.match(
      once,
      { status: 'completed', total_records: 2_000, successful: 2_000, failed: 0 },
      'once each: the chunks are read again',
    );

    loseThreads(301, 301);
    const twice = await importFile(app, { resource: 'users', name: 'u.csv', content: users(1_000, 5_000) });
    t.match(twice, {
      status: 'failed',
      failure: { code: 'out_of_memory', line: 302, detail: /^the records on lines 302 to 401 ended the thread/ },
    });
    t.equal(twice.processed, twice.successful + twice.failed);
    t.same(twice.unprocessed?.[0]?.from_line, 302);

    loseThreads();
    t.match(await importFile(app, { resource: 'users', name: 'u.csv', content: users(1_000, 9_000) }), {
      successful: 1_000,
    });
    t.match((await app.inject('/health')).json(), { status: 'healthy', checks: { workers: { threads: 1 } } });
  });
});

t.test('afterwards everything is given back: connections, files, descriptors', async (t) => {
  const app = await build(t, { CLIENT_STALL_TIMEOUT: '200ms', MAX_UNPACKED_SIZE: '1MB', MAX_ROW_ERRORS: '10' });
  const descriptors = async () => {
    const sessions = await app.sql`SELECT FROM pg_stat_activity WHERE datname = current_database()`;
    return { open: (await readdir('/proc/self/fd')).length - sessions.length, loaders: await loaders() };
  };
  const loaders = async () =>
    (
      await app.sql`SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ '^bulk [0-9a-f]{8}-'`
    ).length;
  const torment = async () => {
    const stalled = await beginUpload(app, 'Idempotency-Key: torment\r\n');
    const left = await beginUpload(app);
    await until(async () => (await uploadsOf(app)).some((name) => name.endsWith('.part')));
    left.destroy();
    await text(stalled);
    await post(app, { resource: 'nobody', name: 'u.csv', content: users(10) });
    const jobs: Promise<ImportStatus>[] = [
      importFile(app, { resource: 'users', name: 'u.csv.gz', content: gzipSync(Buffer.alloc(5_000_000)) }),
      importFile(app, { resource: 'users', name: 'u.csv.gz', content: gzipSync(users(100)).subarray(0, 300) }),
      importFile(app, { resource: 'users', name: 'u.csv', content: header + 'x\n'.repeat(100) }),
      importFile(app, { resource: 'users', name: 'u.json', content: '[{"id":1},' }),
    ];
    for (const { status } of await Promise.all(jobs)) t.equal(status, 'failed');
    const { port, hostname } = await listen(app);
    const reader = connect(Number(port), hostname);
    reader.write('GET /v1/exports?resource=users HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(reader, 'data');
    reader.destroy();
  };
  // The first round opens what is kept: pools, threads, caches.
  await torment();
  await until(async () => (await loaders()) === 0);
  const before = await descriptors();
  const files = (await uploadsOf(app)).length;
  for (let round = 0; round < 2; round++) await torment();
  await until(async () => {
    const { open, loaders } = await descriptors();
    return loaders === 0 && open <= before.open;
  });
  t.pass('no descriptor more than before');
  const [stored] = await app.sql`SELECT count(*) AS jobs FROM bulk.jobs WHERE file IS NOT NULL`;
  t.equal((await uploadsOf(app)).length, stored?.jobs, 'a file for each job, and none beside');
  t.equal(stored?.jobs, files * 3);
  t.equal((await app.sql`SELECT FROM bulk.idempotency_keys`).length, 0);
  // A sweep may be in the middle of one. What is left open would be ended by its limit in the end, together with its session.
  const endedByServer = async () =>
    (await app.sql`SELECT sessions_fatal FROM pg_stat_database WHERE datname = current_database()`)[0]?.sessions_fatal;
  const endedBefore = await endedByServer();
  await until(async () => {
    const transactions = await app.sql`SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND state LIKE 'idle in transaction%'`;
    return transactions.length === 0;
  });
  t.equal(await endedByServer(), endedBefore, 'no transaction is left open');
  t.equal(app.parsePool.piscina.queueSize, 0);
  t.equal(app.queue.running, 0);
});
