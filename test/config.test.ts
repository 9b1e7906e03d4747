import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import t from 'tap';
import { type Config, loadConfig } from '../src/config.ts';
import { connectionBudget } from '../src/connection-budget.ts';
import { explainStartFailure } from '../src/explain-start-failure.ts';
import { helpText } from '../src/help.ts';
import { StartFailure } from '../src/start-failure.ts';
import { variables } from '../src/variables/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

type Env = Record<string, string>;

/** What stderr shows of a start in this environment, line by line; empty: it would start. */
function complaints(env: Env): string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    return explainStartFailure(error, null).split('\n');
  }
}

t.test('with nothing set, everything is the documented default', async (t) => {
  const config = loadConfig({});
  t.match(config.http, { host: '127.0.0.1', port: 8080 });
  t.same(
    { ...config.database },
    { connection: null, schema: 'public', maxConnections: 25, maxIdleConnections: 5, retryForMs: 86_400_000 },
  );
  t.equal(config.dataDir, resolve('data'));
  t.equal(config.uploadDir, resolve('data/uploads'));
  t.equal(config.exportDir, resolve('data/exports'));
  t.match(config.import, { chunkRecords: 15_000, maxUploadBytes: 524_288_000, maxUnpackedBytes: 5_242_880_000 });
  t.equal(config.import.maxRowErrors, 5_000_000);
  t.same(config.access, { keys: [], open: false, corsOrigin: null });
  t.equal(config.http.requestsPerMinute, 60_000);
  t.same(config.http.trustedProxies, []);
  t.same(config.jobs, {
    concurrency: 2,
    maxUnfinished: 100,
    maxUnfinishedPerOwner: 50,
    maxRunningPerOwner: 2,
    maxStoredBytesPerOwner: 52_428_800_000,
  });
  t.same(config.log, { level: 'info', format: 'json' });
  t.same(config.ttl, {
    uploadMs: 86_400_000,
    exportMs: 86_400_000,
    idempotencyMs: 86_400_000,
    jobMs: 2_592_000_000,
  });
  t.same(config.remote, { on: false, allow: [], timeoutMs: 600_000, concurrency: 8 });
  t.equal(config.seed, 'auto');
  t.equal(config.shutdownTimeoutMs, 30_000);
});

/** For every variable: a value, and where in the Config it arrives. */
const accepted: Record<keyof typeof variables, [value: string, read: (config: Config) => unknown, expected: unknown]> =
  {
    HOST: ['::1', (c) => c.http.host, '::1'],
    PORT: ['0', (c) => c.http.port, 0],
    LOG_LEVEL: ['debug', (c) => c.log.level, 'debug'],
    LOG_FORMAT: ['pretty', (c) => c.log.format, 'pretty'],
    MAX_EVENT_LOOP_DELAY: ['250ms', (c) => c.maxEventLoopDelayMs, 250],
    CLIENT_STALL_TIMEOUT: ['5m', (c) => c.clientPace.stallTimeoutMs, 300_000],
    CLIENT_MIN_RATE: ['0', (c) => c.clientPace.minBytesPerSecond, 0],
    MAX_EVENT_STREAMS: ['20', (c) => c.http.maxEventStreams, 20],
    SHUTDOWN_TIMEOUT: ['1500ms', (c) => c.shutdownTimeoutMs, 1500],
    API_KEYS: [
      'office:read+write:0123456789abcdef, watch:read:fedcba9876543210 ann@acme:write:a@b:c@d:e0123456',
      (c) => c.access.keys.map(({ name, owner, scopes }) => [name, owner, ...scopes]),
      [
        ['office', null, 'read', 'write'],
        ['watch', null, 'read'],
        ['ann', 'acme', 'write'],
      ],
    ],
    RATE_LIMIT: ['120', (c) => c.http.requestsPerMinute, 120],
    TRUST_PROXY: [
      '127.0.0.1,10.0.0.0/8 fd00::/8',
      (c) => c.http.trustedProxies,
      ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'],
    ],
    AUTH: ['none', (c) => c.access.open, true],
    CORS_ORIGIN: [
      'https://a.example,http://b.example:81',
      (c) => c.access.corsOrigin,
      ['https://a.example', 'http://b.example:81'],
    ],
    DATABASE_URL: [
      'postgres://me:p%40ss@db.example:6543/stuff?sslmode=disable',
      (c) => c.database.connection,
      { host: 'db.example', port: 6543, user: 'me', password: 'p@ss', database: 'stuff', ssl: false, schema: 'public' },
    ],
    DB_HOST: ['db.example', (c) => c.database.connection?.host, 'db.example'],
    DB_PORT: ['6543', (c) => c.database.connection?.port, 6543],
    DB_USER: ['me', (c) => [c.database.connection?.user, c.database.connection?.database], ['me', 'me']],
    DB_PASSWORD: [' with blanks ', (c) => c.database.connection?.password, ' with blanks '],
    DB_NAME: ['stuff', (c) => c.database.connection?.database, 'stuff'],
    DB_SSLMODE: ['require', (c) => c.database.connection?.ssl, { rejectUnauthorized: false }],
    DB_SSLROOTCERT: ['system', (c) => c.database.connection, null],
    DB_SCHEMA: ['demo', (c) => c.database.schema, 'demo'],
    DB_MAX_OPEN_CONNS: ['60', (c) => c.database.maxConnections, 60],
    DB_MAX_IDLE_CONNS: ['100', (c) => c.database.maxIdleConnections, 25],
    DB_RETRY_FOR: ['15m', (c) => c.database.retryForMs, 900_000],
    DATA_DIR: ['/srv/x', (c) => [c.dataDir, c.uploadDir, c.exportDir], ['/srv/x', '/srv/x/uploads', '/srv/x/exports']],
    UPLOAD_DIR: ['/srv/up', (c) => c.uploadDir, '/srv/up'],
    EXPORT_DIR: ['/srv/out', (c) => c.exportDir, '/srv/out'],
    EXPORT_TTL: ['30d', (c) => c.ttl.exportMs, 2_592_000_000],
    SEED: ['off', (c) => c.seed, 'off'],
    MAX_UPLOAD_SIZE: ['2GiB', (c) => [c.import.maxUploadBytes, c.import.maxUnpackedBytes], [2 ** 31, 10 * 2 ** 31]],
    MAX_UNPACKED_SIZE: ['500MB', (c) => c.import.maxUnpackedBytes, 500_000_000],
    MAX_ROW_ERRORS: ['0', (c) => c.import.maxRowErrors, 0],
    IMPORT_BATCH_SIZE: ['10', (c) => c.import.chunkRecords, 10],
    IMPORT_BATCH_BYTES: ['64kib', (c) => c.import.chunkBytes, 65_536],
    IMPORT_WORKERS: ['3', (c) => c.import.workers, 3],
    IMPORT_CONNECTIONS: ['1', (c) => c.import.connections, 1],
    REMOTE_FILES: ['on', (c) => c.remote.on, true],
    REMOTE_ALLOW: [
      'Files.Example.com, 0x7f.1:9000,[FD00::5]:81 ::1',
      (c) => c.remote.allow,
      [
        { host: 'files.example.com', port: null },
        { host: '127.0.0.1', port: 9000 },
        { host: '[fd00::5]', port: 81 },
        { host: '[::1]', port: null },
      ],
    ],
    REMOTE_TIMEOUT: ['90s', (c) => c.remote.timeoutMs, 90_000],
    REMOTE_CONCURRENCY: ['1', (c) => c.remote.concurrency, 1],
    JOB_CONCURRENCY: ['4', (c) => c.jobs.concurrency, 4],
    MAX_UNFINISHED_JOBS: ['7', (c) => c.jobs.maxUnfinished, 7],
    MAX_UNFINISHED_JOBS_PER_OWNER: ['3', (c) => c.jobs.maxUnfinishedPerOwner, 3],
    MAX_RUNNING_JOBS_PER_OWNER: ['1', (c) => c.jobs.maxRunningPerOwner, 1],
    MAX_STORED_SIZE_PER_OWNER: ['5GB', (c) => c.jobs.maxStoredBytesPerOwner, 5e9],
    UPLOAD_TTL: ['2h', (c) => c.ttl.uploadMs, 7_200_000],
    JOB_TTL: ['60d', (c) => c.ttl.jobMs, 5_184_000_000],
    IDEMPOTENCY_TTL: ['1h', (c) => c.ttl.idempotencyMs, 3_600_000],
    OTEL_EXPORTER_OTLP_ENDPOINT: ['http://otel:4318/x', (c) => c.tracing?.url, 'http://otel:4318/x/v1/traces'],
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ['https://otel/spans', (c) => c.tracing?.url, 'https://otel/spans'],
    // Without an endpoint there is nothing to sample.
    OTEL_TRACES_SAMPLER: ['always_off', (c) => c.tracing, null],
    OTEL_TRACES_SAMPLER_ARG: ['0.5', (c) => c.tracing, null],
    OTEL_SDK_DISABLED: ['true', (c) => c.tracing, null],
  };

t.test('each variable is read', async (t) => {
  for (const [name, [value, read, expected]] of Object.entries(accepted)) {
    // What a proxy says is read only where more than local requests are served.
    const env: Record<string, string> = name === 'TRUST_PROXY' ? { AUTH: 'none' } : {};
    t.strictSame(read(loadConfig({ ...env, [name]: value })), expected, name);
  }
});

t.test('an empty or blank variable counts as not set', async (t) => {
  const blank = Object.fromEntries(Object.keys(variables).map((name) => [name, '  ']));
  t.same(loadConfig(blank), loadConfig({}));
});

type Refused = [name: keyof typeof variables, value: string, takes: string];

const whole = (least: number, most: number) => `a whole number from ${least} to ${most}`;
const size = (range: string) => `bytes, ${range}, such as 524288000, 500MB or 2GiB`;
const lasting = (least: string, most = '3650d') =>
  `a duration from ${least} to ${most}, such as 500ms, 30s, 15m, 24h or 30d`;
const each = (name: Refused[0], values: string[], takes: string) =>
  values.map((value): Refused => [name, value, takes]);

/** For every variable that does not take any text: a wrong value, and what is said that it takes. */
const refused: Refused[] = [
  ['HOST', 'a b', 'an address or host name'],
  ['PORT', '80a', whole(0, 65_535)],
  ['PORT', '65536', whole(0, 65_535)],
  ['PORT', '-1', whole(0, 65_535)],
  ['PORT', '1e3', whole(0, 65_535)],
  ['LOG_LEVEL', 'INFO', 'one of fatal, error, warn, info, debug, trace, silent'],
  ['LOG_FORMAT', 'text', 'one of json, pretty'],
  ['MAX_EVENT_LOOP_DELAY', 'slow', lasting('10ms', '1d')],
  ['SHUTDOWN_TIMEOUT', '30', lasting('100ms', '24d')],
  ['MAX_EVENT_LOOP_DELAY', '1', lasting('10ms', '1d')],
  ['AUTH', 'off', 'one of keys, none'],
  ['CORS_ORIGIN', 'https://a.example/x', '* or origins such as https://example.com, without a path'],
  ['DB_PORT', '0', whole(1, 65_535)],
  ['DB_SSLMODE', 'allow', 'one of disable, prefer, require, verify-ca, verify-full'],
  ['DB_SCHEMA', 'bulk', 'the name of a schema other than bulk, pgboss and those of PostgreSQL'],
  ['DB_SCHEMA', 'pg_temp', 'the name of a schema other than bulk, pgboss and those of PostgreSQL'],
  ['DB_MAX_OPEN_CONNS', 'all', whole(1, 10_000)],
  ['DB_MAX_IDLE_CONNS', '-', whole(0, 10_000)],
  ['DB_RETRY_FOR', '10ms', lasting('1s')],
  ['EXPORT_TTL', '1 day', lasting('1s')],
  ['IDEMPOTENCY_TTL', '0s', lasting('1s')],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'otel:4318', 'an http or https URL such as http://127.0.0.1:4318'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'grpc://a', 'an http or https URL such as http://127.0.0.1:4318'],
  [
    'OTEL_TRACES_SAMPLER',
    'all',
    'one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio',
  ],
  ['OTEL_TRACES_SAMPLER_ARG', '1.1', 'a number from 0 to 1'],
  ['OTEL_SDK_DISABLED', '1', 'one of true, false'],
  ['SEED', 'yes', 'one of auto, on, off'],
  ['MAX_UPLOAD_SIZE', '5 TB', size('1 or more')],
  ['MAX_UNPACKED_SIZE', '0', size('1 or more')],
  ['MAX_ROW_ERRORS', '1.5', whole(0, 1_000_000_000_000)],
  ['IMPORT_BATCH_SIZE', '0', whole(1, 1_000_000)],
  ['IMPORT_BATCH_BYTES', '100', size('from 1024 to 268435456')],
  ['IMPORT_WORKERS', '0', whole(1, 256)],
  ['IMPORT_CONNECTIONS', '65', whole(1, 64)],
  ['REMOTE_FILES', 'yes', 'one of on, off'],
  ...each(
    'REMOTE_ALLOW',
    ['http://a.example', 'a.example/x', 'me@a.example', 'a.example:99999', ':80', 'a.example:'],
    'hosts separated by commas, each with a port or without: files.example.com, 10.0.0.5:9000, [fd00::5]',
  ),
  ['REMOTE_TIMEOUT', '0s', lasting('100ms', '1d')],
  ['REMOTE_CONCURRENCY', '0', whole(1, 1_000)],
  ...each(
    'TRUST_PROXY',
    ['10.0.0.0/33', '0.0.0.0/0', '::/0', 'proxy.example', '127.1', '10.0.0.1/a'],
    'addresses and networks of proxies, separated by commas: 127.0.0.1, 10.0.0.0/8, fd00::/8',
  ),
  ['JOB_CONCURRENCY', '0', whole(1, 100)],
  ['MAX_UNFINISHED_JOBS', '0', whole(1, 1_000_000)],
  ['RATE_LIMIT', 'off', whole(0, 1_000_000_000)],
  ['MAX_UNFINISHED_JOBS_PER_OWNER', '0', whole(1, 1_000_000)],
  ['MAX_RUNNING_JOBS_PER_OWNER', '0', whole(1, 1_000_000)],
  ['MAX_STORED_SIZE_PER_OWNER', 'much', size('1 or more')],
];

t.test('a wrong value is one line: the variable, what it holds, what it takes', async (t) => {
  for (const [name, value, takes] of refused) {
    const said = `${name}="${value}" takes ${takes}`;
    t.same(complaints({ [name]: value }), [`${said}; run with --help to see every variable`], said);
  }
});

t.test('all wrong values are shown at once, a line each', async (t) => {
  const lines = complaints({ PORT: 'x', SEED: 'y\nPORT="z" takes anything', LOG_LEVEL: 'loud' });
  t.equal(lines.length, 3);
  t.same(
    lines.map((line) => line.split('=')[0]),
    ['PORT', 'LOG_LEVEL', 'SEED'],
  );
});

t.test('a wrong secret is named, never shown', async (t) => {
  const form =
    'takes keys of the form name:read:secret, name:write:secret or name:read+write:secret, separated by commas, with name@owner for one that sees only the jobs of its owner';
  const good = 'office:read:0123456789abcdef';
  const wrongKeys: [string, string][] = [
    ['hunter2hunter2hunter2', 'key 1 has another form'],
    [`${good},x:read+drop:hunter2hunter2hunter2`, 'key 2 has a scope other than read and write'],
    ['office:read:hunter2', 'key 1 has a secret shorter than 16 characters'],
    [`${good},office:write:hunter2hunter2hunter2`, 'key 2 has the name of an earlier one'],
    [`${good},other:write:0123456789abcdef`, 'key 2 has the secret of an earlier one'],
    [',', 'key 1 is missing'],
    ['ann@:read:hunter2hunter2hunter2', 'key 1 has another form'],
    [`${good},ann@office:read:hunter2hunter2hunter2`, 'key 2 has an owner that is the name of a key without one'],
    [`ann@office:read:hunter2hunter2hunter2,${good}`, 'key 1 has an owner that is the name of a key without one'],
  ];
  for (const [value, why] of wrongKeys) {
    t.same(complaints({ API_KEYS: value }), [
      `API_KEYS (value not shown) ${form}; ${why}; run with --help to see every variable`,
    ]);
  }
  const url = 'takes a URL like postgres://user:password@host:5432/database?sslmode=verify-full';
  const wrongUrls: [string, string][] = [
    ['mysql://me:hunter2@host/db', url],
    ['me:hunter2', url],
    ['postgres:///db?password=hunter2', `${url}; its host is missing`],
    ['postgres://host/db?password=hunter2', `${url}; its user is missing`],
    [
      'postgres://me:hunter2@host/db?sslmode=yes',
      `${url}, with an sslmode of disable, prefer, require, verify-ca, verify-full`,
    ],
    ['postgres://me:hunter2@one,two:5432/db', `${url}; it takes one host`],
    ['postgres://me:hunter2@host/db?host=one,two', `${url}; it takes one host`],
    ['postgres://me:hunter2@host/db?sslkey=k', `${url}; the parameter sslkey is not supported`],
  ];
  for (const [value, takes] of wrongUrls) {
    t.same(complaints({ DATABASE_URL: value }), [
      `DATABASE_URL (value not shown) ${takes}; run with --help to see every variable`,
    ]);
  }
});

t.test('DB_HOST takes one host', async (t) => {
  t.same(complaints({ DB_HOST: 'one,two' }), [
    'DB_HOST="one,two" takes one host; run with --help to see every variable',
  ]);
});

t.test('variables that contradict each other are refused', async (t) => {
  const url = 'postgres://me:hunter2@host/db';
  const key = 'office:read:0123456789abcdef';
  t.match(complaints({ DATABASE_URL: url, DB_HOST: 'h', DB_PASSWORD: 'hunter2' }), [
    'DB_HOST (value not shown) contradicts DATABASE_URL: set one of them',
    'DB_PASSWORD (value not shown) contradicts DATABASE_URL: set one of them; run with --help',
  ]);
  t.same(complaints({ DATABASE_URL: url, DB_SSLMODE: 'require' }), [], 'the TLS mode may be beside the URL');
  t.match(complaints({ AUTH: 'none', API_KEYS: key }), ['AUTH="none" contradicts API_KEYS: set one of them']);
  for (const HOST of ['0.0.0.0', '::', '192.168.1.5', 'example.com']) {
    t.match(complaints({ HOST }), [
      `HOST="${HOST}" takes only a loopback address (127.0.0.1, ::1, localhost) while there are no API_KEYS; AUTH=none lifts this`,
    ]);
    t.same(complaints({ HOST, AUTH: 'none' }), []);
    t.same(complaints({ HOST, API_KEYS: key }), []);
  }
  for (const HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) t.same(complaints({ HOST }), [], HOST);
  t.match(complaints({ TRUST_PROXY: '10.0.0.5' }), ['TRUST_PROXY="10.0.0.5" needs API_KEYS; AUTH=none lifts this']);
  t.same(complaints({ TRUST_PROXY: '10.0.0.5', AUTH: 'none' }), []);
  t.same(complaints({ TRUST_PROXY: '10.0.0.5', API_KEYS: key }), []);
});

t.test('what belongs to a job is not kept for longer than the job', async (t) => {
  t.match(complaints({ JOB_TTL: '2h', UPLOAD_TTL: '1h' }), [
    'JOB_TTL="2h" takes no less than EXPORT_TTL and IDEMPOTENCY_TTL; run with --help',
  ]);
  t.same(complaints({ JOB_TTL: '24h' }), []);
});

t.test('connections that do not suffice for one import are refused with the number that does', async (t) => {
  const env = { IMPORT_CONNECTIONS: '4', DB_MAX_OPEN_CONNS: '6' };
  const [line = ''] = complaints(env);
  const [, enough] = /^DB_MAX_OPEN_CONNS="6" takes (\d+) or more while IMPORT_CONNECTIONS is 4/.exec(line) ?? [];
  t.ok(enough, line);
  t.same(complaints({ ...env, DB_MAX_OPEN_CONNS: String(enough) }), []);
  t.equal(complaints({ ...env, DB_MAX_OPEN_CONNS: String(Number(enough) - 1) }).length, 1);
});

t.test('all pools together stay within DB_MAX_OPEN_CONNS', async (t) => {
  for (let max = 12; max <= 200; max++) {
    const config = loadConfig({ DB_MAX_OPEN_CONNS: String(max), IMPORT_CONNECTIONS: '4', JOB_CONCURRENCY: '50' });
    const { api, monitor, queue, exports, importJobs } = connectionBudget(config);
    t.ok(api + monitor + queue + exports + importJobs * 4 <= max, `${max}`);
  }
});

t.test('TLS as in libpq', async (t) => {
  const folder = await temporaryFolder(t);
  const certificate = join(folder, 'root.crt');
  await writeFile(certificate, 'the certificate');
  const ssl = (env: Env) => loadConfig({ DB_HOST: 'db.example', ...env }).database.connection?.ssl;
  t.equal(ssl({}), 'prefer');
  t.equal(ssl({ DB_SSLMODE: 'disable', DB_SSLROOTCERT: certificate }), false);
  t.same(ssl({ DB_SSLMODE: 'require' }), { rejectUnauthorized: false });
  const requireWithRoot = ssl({ DB_SSLMODE: 'require', DB_SSLROOTCERT: certificate });
  t.match(requireWithRoot, { rejectUnauthorized: true, ca: 'the certificate', checkServerIdentity: Function });
  t.match(ssl({ DB_SSLMODE: 'verify-ca', DB_SSLROOTCERT: 'system' }), { rejectUnauthorized: true, ca: undefined });
  t.same(ssl({ DB_SSLMODE: 'verify-full', DB_SSLROOTCERT: certificate }), {
    rejectUnauthorized: true,
    ca: 'the certificate',
    host: 'db.example',
  });
  const url = `postgres://me:pw@[::1]/db?sslmode=verify-ca&sslrootcert=${certificate}`;
  t.match(loadConfig({ DATABASE_URL: url }).database.connection, { host: '::1', ssl: { ca: 'the certificate' } });
  t.match(complaints({ DB_HOST: 'h', DB_SSLMODE: 'verify-ca', DB_SSLROOTCERT: '/nowhere' }), [
    'DB_SSLROOTCERT="/nowhere" cannot be read (ENOENT)',
  ]);
});

t.test('nothing can change the configuration, and it keeps no secret of an API key', async (t) => {
  const config = loadConfig({ API_KEYS: 'office:read:0123456789abcdef' }) as {
    -readonly [K in keyof Config]: Config[K];
  };
  t.throws(() => (config.seed = 'off'), TypeError);
  t.throws(() => (config.http.port = 1), TypeError);
  t.throws(() => config.access.keys.push(config.access.keys[0]!), TypeError);
  t.notMatch(JSON.stringify(config), /0123456789abcdef/);
});

t.test('--help names every variable, by group, with its default', async (t) => {
  const help = helpText();
  for (const [name, variable] of Object.entries(variables)) {
    const [, entry] = new RegExp(`^  ${name} ([^]*?)(?=^  ?[A-Z]|^\\S|^$)`, 'm').exec(help) ?? [];
    const standard = 'defaultText' in variable ? variable.defaultText : variable.default;
    const expected = standard === null ? 'not set' : `default: ${standard}`;
    t.match(entry?.replace(/\s+/g, ' '), expected, name);
  }
  for (const group of ['Server', 'Access', 'Database', 'Files', 'Imports', 'Jobs', 'Traces'])
    t.match(help, `\n${group}\n`);
  t.ok(
    help.split('\n').every((line) => line.length <= 100),
    'no line is too long for a terminal',
  );
});
