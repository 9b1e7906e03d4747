// Input that was made to do harm, each kind by name: what fuzzing found once, and what the trade warns of. Every answer
// is a 4xx that says what was wrong, or the input is taken for the plain text that it is.
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'content-disposition';
import Papa from 'papaparse';
import t from 'tap';
import { build } from '../build.ts';
import { ended, type ImportStatus, importFile, post } from '../client.ts';
import { id } from '../numbered.ts';
import { httpService } from '../plugins/http-service.ts';

const header = 'id,email,name,role,created_at\n';
const user = (n: number, name = `User ${n}`) => `${id(n)},u${n}@example.com,${name},admin,2024-01-01T00:00:00Z\n`;

t.test('hostile input', async (t) => {
  const app = await build(t);
  const postExport = async (payload: string) =>
    await app.inject({ method: 'POST', url: '/v1/exports', headers: { 'content-type': 'application/json' }, payload });

  await t.test('in query and JSON: named and refused', async (t) => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    const fraction = '1'.repeat(5_000);
    const refused: [what: string, url: string, body: string | null, code: string][] = [
      ['NUL in a resource', '/v1/imports?resource=%00', null, 'unknown_resource'],
      ['NUL in a filter', '/v1/exports?resource=users&name=%00', null, 'invalid_filter'],
      [
        'half a character in a filter',
        '/v1/exports',
        '{"resource":"users","filters":{"name":"\\ud800"}}',
        'invalid_filter',
      ],
      ['a page beyond numbers', '/v1/imports?after=1e308', null, 'invalid_parameter'],
      ['a page beyond int8', '/v1/imports?after=9999999999999999999', null, 'invalid_parameter'],
      ['prototype names', '/v1/exports?resource=users&__proto__=1', null, 'unknown_field'],
      ['prototype names', '/v1/exports?resource=users&constructor[in]=1', null, 'unknown_field'],
      ['a resource of the prototype', '/v1/exports?resource=constructor', null, 'unknown_resource'],
      ['an operator of the prototype', '/v1/exports?resource=users&name[constructor]=1', null, 'invalid_filter'],
      ['the same', '/v1/exports', '{"resource":"users","filters":{"name":{"valueOf":"1"}}}', 'invalid_filter'],
      ['a deep format', '/v1/exports', `{"resource":"users","format":${deep}}`, 'unknown_format'],
      ['a deep resource', '/v1/exports', `{"resource":${deep}}`, 'unknown_resource'],
      [
        'a deep filter',
        '/v1/exports',
        `{"resource":"users","filters":{"name":{"eq":{"a":${deep}}}}}`,
        'invalid_filter',
      ],
      ['__proto__', '/v1/exports', '{"resource":"users","__proto__":{}}', 'malformed_request'],
      ['its own toString', '/v1/exports', '{"resource":{"toString":1}}', 'unknown_resource'],
      ['a long name', '/v1/exports', JSON.stringify({ resource: 'users', sort: 'x'.repeat(500_000) }), 'unknown_field'],
    ];
    for (const [what, url, body, code] of refused) {
      const answer = body === null ? await app.inject(url) : await postExport(body);
      t.match(answer, { statusCode: 400 }, what);
      t.equal(answer.json().code, code, what);
      t.ok(answer.body.length < 2_000, 'nothing is repeated at length');
    }
    // As many digits as one likes are a timestamp; PostgreSQL reads 128 characters.
    const long = `/v1/exports?resource=users&created_at[gte]=2024-01-01T00:00:00.${fraction}Z`;
    t.equal((await app.inject(long)).statusCode, 200);
  });

  await t.test('an e-mail filter of nothing but @ takes no time', async (t) => {
    const cost = async (length: number) => {
      const before = process.cpuUsage();
      const answer = await postExport(
        JSON.stringify({ resource: 'users', filters: { email: `${'@'.repeat(length)} ` } }),
      );
      t.equal(answer.json().code, 'invalid_filter');
      return process.cpuUsage(before).user;
    };
    await cost(1_000);
    // It took 0.5 s for 20,000 and four times that for each doubling.
    const [short, long] = [await cost(20_000), await cost(900_000)];
    t.ok(long < 45 * Math.max(short, 5_000), `${short} and ${long} microseconds`);
  });

  await t.test('file names are shown, never obeyed', async (t) => {
    const names: [name: string, shown: string][] = [
      ['../../etc/passwd.csv', 'passwd.csv'],
      ['C:\\etc\\passwd.csv', 'passwd.csv'],
      ['a\0b.csv', 'a\ufffdb.csv'],
      ['\u001b[2Jx.csv', '\ufffd[2Jx.csv'],
      ['a\u007fb\u009b2Jx.csv', 'a\ufffdb\ufffd2Jx.csv'],
      ['a\u2028b\u2029c.csv', 'a\ufffdb\ufffdc.csv'],
      ['\u202evsc.exe.csv', '\ufffdvsc.exe.csv'],
      ['\u2066a\u2069.csv', '\ufffda\ufffd.csv'],
      [`${'\ud83d\ude00'.repeat(200)}.csv`, `${'\ud83d\ude00'.repeat(40)}…${'\ud83d\ude00'.repeat(7)}.csv`],
      [`x${'\ud83d\ude00'.repeat(200)}.csv`, `x${'\ud83d\ude00'.repeat(39)}…${'\ud83d\ude00'.repeat(7)}.csv`],
      ['12" pipes; 100%2525 %41.csv', '12" pipes; 100%2525 %41.csv'],
      ["'; DROP TABLE users; --.csv", "'; DROP TABLE users; --.csv"],
      ['__proto__.csv', '__proto__.csv'],
    ];
    const check = async ({ job_id, status, file_name }: ImportStatus, shown: string) => {
      t.equal(status, 'completed', shown);
      t.equal(file_name, shown);
      const { headers } = await app.inject(`/v1/imports/${job_id}/rejects`);
      t.same(parse(String(headers['content-disposition'])), {
        type: 'attachment',
        parameters: { filename: `rejected_${shown}` },
      });
    };
    for (const [name, shown] of names) {
      await check(await importFile(app, { resource: 'users', name, content: header + user(1) }), shown);
    }
    // As RFC 8187 has it, in which more can be said.
    const extended: [name: string, shown: string][] = [
      ["utf-8''..%2F..%2fetc%5Cpasswd.csv", 'passwd.csv'],
      ["utf-8''x%22%3B%20filename%3D%22y.csv", 'x"; filename="y.csv'],
      ["utf-16le''x%00%3D%D8.%00c%00s%00v%00", 'x\ufffd.csv'],
    ];
    for (const [name, shown] of extended) {
      const accepted = await app.inject({
        method: 'POST',
        url: '/v1/imports?resource=users',
        headers: { 'content-type': 'multipart/form-data; boundary=X' },
        payload: `--X\r\nContent-Disposition: form-data; name="file"; filename*=${name}\r\n\r\n${header}\r\n--X--\r\n`,
      });
      t.equal(accepted.statusCode, 202, accepted.body);
      await check(await ended(app, accepted.json().job_id), shown);
    }
    const injected = await post(app, { resource: 'users', name: 'x\r\nX-Injected: yes.csv', content: header });
    t.equal(injected.statusCode, 202);
    t.notOk('x-injected' in injected.headers);
    for (const name of ['data.constructor', '.', '', 'csv', '\0']) {
      const refused = await post(app, { resource: 'users', name, content: header });
      t.match(refused, { statusCode: 400 }, name);
      t.match(refused.json().code, /^(unsupported_file_type|file_required)$/);
    }
    // The endings decide, however often one is repeated.
    t.equal((await post(app, { resource: 'users', name: `${'.csv'.repeat(5_000)}`, content: header })).statusCode, 202);
  });

  await t.test('forms: thousands of parts, fields that are no text, boundaries of any length', async (t) => {
    const send = async (parts: string, boundary = 'X') =>
      await app.inject({
        method: 'POST',
        url: '/v1/imports',
        headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
        payload: `${parts}--${boundary}--\r\n`,
      });
    const part = (disposition: string, value: string, type = '') =>
      `--X\r\nContent-Disposition: form-data; ${disposition}\r\n${type}\r\n${value}\r\n`;
    const many = (disposition: (n: number) => string) =>
      Array.from({ length: 5_000 }, (_, n) => part(disposition(n), 'v')).join('');
    const json = 'Content-Type: application/json\r\n';
    const file = part('name="file"; filename="u.csv"', header);
    const refused: [what: string, form: ReturnType<typeof send>, code: string][] = [
      ['fields', send(many((n) => `name="f${n}"`) + file), 'too_many_parts'],
      ['files', send(many((n) => `name="f${n}"; filename="x"`)), 'file_required'],
      ['files of one name', send(many(() => 'name="file"; filename="x.csv"')), 'resource_required|file_required'],
      [
        'an object with its own toString',
        send(part('name="resource"', '{"toString":1}', json) + file),
        'invalid_option',
      ],
      ['a prototype name', send(part('name="__proto__"', 'users') + file), 'malformed_request'],
      ['a long name', send(part(`name="${'n'.repeat(60_000)}"`, 'users') + file), 'unknown_option'],
      ['a long value', send(part('name="resource"', 'users'.repeat(100_000)) + file), 'unknown_resource'],
      ['a long boundary', send(file, 'X'.repeat(5_000)), 'malformed_request'],
      ['no boundary', send(file, ''), 'file_required'],
      [
        'a header without end',
        send(`--X\r\nContent-Disposition: form-data; name="${'x'.repeat(500_000)}`),
        'malformed_request',
      ],
      [
        'an encoded name that is no text',
        send(part(`name="file"; filename*=utf-16le''%00%D8`, header)),
        'resource_required|unsupported_file_type',
      ],
    ];
    for (const [what, answer, code] of refused) {
      const { statusCode, body, json } = await answer;
      t.ok(statusCode >= 400 && statusCode < 500, `${what}: ${statusCode}`);
      t.match(json().code, new RegExp(`^(${code})$`), what);
      t.ok(body.length < 2_000, 'nothing is repeated at length');
    }
  });

  await t.test('columns and properties named like those of a prototype are ignored', async (t) => {
    const csv = `__proto__,constructor,toString,${header}x,y,z,${user(2)}`;
    t.match(await importFile(app, { resource: 'users', name: 'u.csv', content: csv }), { successful: 1, failed: 0 });
    const object = JSON.stringify({
      id: id(3),
      email: 'u3@example.com',
      name: 'U',
      role: 'admin',
      created_at: '2024-01-01T00:00:00Z',
    });
    const content = `{"__proto__":{"role":"x"},"constructor":{"prototype":1},"hasOwnProperty":1,${object.slice(1)}\n`;
    t.match(await importFile(app, { resource: 'users', name: 'u.ndjson', content }), { successful: 1, failed: 0 });
    const inherited = await importFile(app, {
      resource: 'users',
      name: 'u.ndjson',
      content: `{"__proto__":${object}}\n`,
    });
    t.match(inherited, { failed: 1, errors: [{ field: 'id', code: 'required' }] }, 'a prototype gives no values');
    t.notOk('role' in Object.prototype);
  });

  await t.test('records that would cost more memory or stack than a thread has are rejected alone', async (t) => {
    const mebibytes = 7 * 2 ** 20;
    const fill = (unit: string) => unit.repeat(mebibytes / unit.length);
    const deep = `${'['.repeat(400_000)}${']'.repeat(400_000)}`;
    const good = JSON.stringify({ id: id(4), slug: 'good', title: 'T', body: 'B', author_id: id(1) });
    const content = [
      `{"x":[${fill('{},')}{}]}`,
      `{"tags":[${fill('1,')}1]}`,
      `{"id":${deep}}`,
      `{"id":"${fill('\\u0000,')}"}`,
      `{"x":${fill('[')}`,
      good,
      '',
    ].join('\n');
    const job = await importFile(app, {
      resource: 'articles',
      name: 'a.ndjson.gz',
      content: gzipSync(content, { level: 1 }),
    });
    t.match(job, { status: 'completed', total_records: 6, successful: 1, failed: 5 });
    const of = (record: number, field: string) =>
      job.errors.filter((error) => error.record === record && error.field === field).map(({ message }) => message);
    t.same(of(1, 'json'), ['invalid JSON: more than 500000 values']);
    t.same(of(2, 'json'), ['invalid JSON: more than 500000 values']);
    t.same(of(3, 'id'), ['id must be a string']);
    t.same(of(5, 'json'), ['invalid JSON: more than 500000 values']);
    const few = `{"id":"${id(5)}","tags":[${'1,'.repeat(400_000)}1]}\n`;
    const typed = await importFile(app, { resource: 'articles', name: 'a.ndjson', content: few });
    t.same(
      typed.errors.filter(({ field }) => field === 'tags').map(({ message }) => message),
      ['tags must be an array of strings'],
    );
    const cells = `id,slug,title,body,author_id,tags\n1,2,3,4,5,"[${fill('{},')}{}]"\n`;
    const csv = await importFile(app, {
      resource: 'articles',
      name: 'a.csv.gz',
      content: gzipSync(cells, { level: 1 }),
    });
    t.match(csv, { status: 'completed', failed: 1 });

    const quoted = [fill('""'), `é${fill('{""k"":1},')}`].map(
      (body, n) => `${id(6 + n)},quoted-${n},T,"${body}",${id(1)}\n`,
    );
    const quotes = await importFile(app, {
      resource: 'articles',
      name: 'a.csv.gz',
      content: gzipSync(`id,slug,title,body,author_id\n${quoted.join('')}`, { level: 1 }),
    });
    t.match(quotes, { status: 'completed', successful: 2 }, 'a valid one is loaded');
    t.same(await app.sql`SELECT length(body), btrim(body, '"') AS rest FROM articles WHERE id = ${id(6)}`, [
      { length: mebibytes / 2, rest: '' },
    ]);
  });

  await t.test('cells of a CSV report that a spreadsheet would run are text', async (t) => {
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', "=cmd|' /C calc'!A0"];
    const quoted = formulas.map((formula, n) => user(10 + n).replace(/admin/, `"${formula}"`));
    const job = await importFile(app, { resource: 'users', name: 'u.csv', content: header + quoted.join('') });
    t.equal(job.failed, formulas.length);
    const report = (await app.inject(`${job.error_report}?format=csv`)).body;
    const { data } = Papa.parse<{ value: string }>(report, { header: true, skipEmptyLines: true, newline: '\n' });
    t.same(
      data.map(({ value }) => value),
      formulas.map((formula) => `'${formula}`),
    );
    const named = await importFile(app, { resource: 'users', name: 'u.ndjson', content: '{"id":"=HYPERLINK(1)"}\n' });
    t.match((await app.inject(`${named.error_report}?format=csv`)).body, /'=HYPERLINK/);
  });

  await t.test('thousands of conditions and values are taken or refused, never a fault', async (t) => {
    const values = Array.from({ length: 50_000 }, (_, n) => `name ${n}`);
    const answer = await postExport(
      JSON.stringify({ resource: 'users', format: 'csv', compression: 'gzip', filters: { name: { in: values } } }),
    );
    t.equal(answer.statusCode, 202);
    const job = await ended<{ status: string; download_url: string }>(app, answer.json().job_id, 'exports');
    t.equal(job.status, 'completed');
    const { rawPayload } = await app.inject(job.download_url);
    t.match(gunzipSync(rawPayload).toString(), /^id,email/);
  });
});

t.test('the log has the lines that are ours, whatever a request holds', async (t) => {
  // The service of this helper reads each line of its log as JSON.
  const { app, logged } = await httpService(t, {}, () => {});
  const forged = '\n{"level":60,"msg":"forged"}\r\n';
  const headers = { 'x-request-id': forged, 'user-agent': forged, 'x-forwarded-for': forged };
  t.equal((await app.inject({ url: `/${encodeURIComponent(forged)}\u001b[31m`, headers })).statusCode, 404);
  t.ok(logged.length > 0);
  for (const { msg, level, request_id } of logged) {
    t.not(msg, 'forged');
    t.ok(Number(level) < 60);
    t.match(request_id, /^[0-9a-f-]{36}$/, 'an id of our own');
  }
});
