// API keys and the database's password: neither the log nor an answer ever shows them, whatever goes wrong. Against the
// service as a process, at its most talkative.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { openPool } from '../db/client.ts';
import { createDatabase } from './databases.ts';
import { environment } from './environment.ts';
import { plainNode } from './plain-node.ts';
import { startService } from './service-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

const password = 'pa$$word/0f7be2c49d';
const newPassword = 'changed-0a1b2c3d4e';
const secrets = { reader: 'reader-8c1f4b7d9e02', both: 'both-3a5d7c9b1e4f68', half: 'half-4d6e8f0a2c1b35' };
const API_KEYS = `reader:read:${secrets.reader},both:read+write:${secrets.both},half@owner:write:${secrets.half}`;

/** Every way in which they might be written. */
const forms = [password, newPassword, ...Object.values(secrets)].flatMap((secret) => {
  const bytes = Buffer.from(secret);
  // Of a Buffer that JSON shows as a list of numbers.
  const numbers = [...bytes].join(',');
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    numbers,
  ];
});
const shownIn = (said: string) => forms.filter((form) => said.includes(form));

/** Everything that a start that fails says. */
async function failedStart(env: Record<string, string>): Promise<string> {
  const child = spawn(...plainNode(['src/server.ts']), {
    cwd: new URL('../', import.meta.url).pathname,
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...env },
    // One that does not fail.
    timeout: 20_000,
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  if (code !== 1) throw new Error(`it ended with ${code}: ${stdout}${stderr}`);
  return stdout + stderr;
}

t.test('no secret is in the log, in an answer, or among the metrics', async (t) => {
  const folder = await temporaryFolder(t);
  const connection = await createDatabase(t);
  const admin = openPool(connection, { max: 1, name: 'test' });
  const user = `secretive_${connection.database}`;
  await admin.unsafe(`CREATE ROLE ${user} SUPERUSER LOGIN PASSWORD '${password}'`);
  t.after(async () => {
    await admin.unsafe(`REASSIGN OWNED BY ${user} TO CURRENT_USER; DROP OWNED BY ${user}; DROP ROLE ${user}`);
    await admin.end();
  });
  const env: Record<string, string> = {
    ...environment({ ...connection, user, password }, join(folder, 'data')),
    API_KEYS,
    LOG_LEVEL: 'trace',
    DB_RETRY_FOR: '1s',
    RATE_LIMIT: '60',
  };

  await t.test('of a start that fails', async (t) => {
    const wrong: [string, Record<string, string>, RegExp][] = [
      [
        'wrong password',
        { DATABASE_URL: env.DATABASE_URL?.replace('0f7be', '0f7be0f7be') ?? '' },
        /accept the password/,
      ],
      ['keys that cannot be read', { API_KEYS: `${API_KEYS},${secrets.both}` }, /API_KEYS \(value not shown\)/],
      [
        'a URL that cannot be read',
        { DATABASE_URL: `${env.DATABASE_URL}&sslkey=${secrets.both}` },
        /DATABASE_URL \(value/,
      ],
      ['a contradiction', { AUTH: 'none', DB_PASSWORD: password }, /AUTH="none" contradicts/],
    ];
    const said = await Promise.all(wrong.map(async ([, more]) => await failedStart({ ...env, ...more })));
    for (const [index, [what, , expected]] of wrong.entries()) {
      t.match(said[index], expected, what);
      t.same(shownIn(said[index] ?? ''), [], what);
    }
  });

  const service = await startService(t, env);
  const said: string[] = [];
  const ask = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await fetch(`${service.url}${path}`, init);
    said.push(`${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`);
    return response.status;
  };
  /** Bytes as they are, and whatever comes back. */
  const send = async (bytes: string) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.write(bytes);
    said.push(await text(socket));
  };

  const authorizations = Object.values(secrets).flatMap((secret): Record<string, string>[] => [
    { authorization: `Bearer ${secret}` },
    { 'x-api-key': secret },
    { authorization: `Bearer ${secret}x` },
    { authorization: secret },
    { authorization: `Basic ${Buffer.from(`x:${secret}`).toString('base64')}` },
    { 'x-api-key': `${secret}x`, cookie: `key=${secret}` },
  ]);
  const form = (content: string) => {
    const body = new FormData();
    body.set('resource', 'users');
    body.set('file', new Blob([content]), 'users.csv');
    return body;
  };
  const json = { 'content-type': 'application/json' };
  for (const headers of authorizations) {
    await ask('/metrics', { headers: { ...headers, accept: 'text/plain' } });
    await ask('/v1/imports', { headers });
    await ask('/v1/imports', { method: 'POST', headers, body: form('id,email\n1,2\n') });
    await ask('/v1/exports', { method: 'POST', headers: { ...headers, ...json }, body: '{"resource":"nothing"}' });
    await ask('/v1/exports', { method: 'POST', headers: { ...headers, ...json }, body: '{"resource":' });
    await ask('/nowhere', { headers });
  }
  for (const name of ['api_key', 'X-API-Key', 'access_token', 'password', 'Authorization']) {
    await ask(`/v1/imports?${name}=${secrets.both}`, { headers: { 'x-api-key': secrets.reader } });
    await ask(`/v1/exports?resource=users&${name}=${secrets.both}`);
  }
  const key = `authorization: Bearer ${secrets.both}`;
  await send(`GET /health HTTP/1.1\r\nhost: localhost\r\n${key}\r\nbad header: \u0001\r\n\r\n`);
  await send(`GARBAGE ${secrets.both}\r\n${key}\r\n\r\n`);
  await send(`GET / HTTP/1.1\r\n${key}\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`);
  await send(`GET /%zz HTTP/1.1\r\nhost: localhost\r\n${key}\r\nconnection: close\r\n\r\n`);
  t.ok(
    said.some((answer) => answer.startsWith('429 ')),
    'the limit on requests was met as well',
  );

  // The service loses its connections, and is not let in again.
  await admin.unsafe(`ALTER ROLE ${user} PASSWORD '${newPassword}'`);
  await admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${user}`;
  while ((await ask('/health')) !== 503) await pause(20);
  const headers = { 'x-api-key': `${secrets.both}`, accept: 'text/plain' };
  for (const path of ['/metrics', '/v1/imports', '/v1/exports?resource=users', '/v1/imports/x/errors']) {
    await ask(path, { headers });
  }
  await service.stop('SIGTERM');

  t.ok(
    service.log.some(({ level }) => Number(level) >= 40),
    'it had something to say',
  );
  const log = JSON.stringify(service.log);
  t.match(log, /password authentication failed/);
  t.same(shownIn(log), [], 'the log');
  t.same(shownIn(service.errors.join('\n')), [], 'stderr');
  t.same(shownIn(said.join('\n')), [], 'the answers');
});
