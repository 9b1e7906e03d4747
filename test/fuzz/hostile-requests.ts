// Requests that no decent client sends, to every route there is. Most are right but for one thing, because a request that
// is all wrong is refused at the first thing that is looked at.
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { hostileJson, hostileText } from './hostile-text.ts';

/** Ids that stand for those of jobs that are there. */
export const knownImport = '11111111-1111-4111-8111-111111111111';
export const knownExport = '22222222-2222-4222-8222-222222222222';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
type Body = { type?: string; payload?: string };

const fields = ['id', 'email', 'name', 'role', 'active', 'created_at', 'tags', 'slug', 'published_at', '__proto__'];
const operators = ['', '', '[gte]', '[gt]', '[lte]', '[in]', '[eq]', '[]', '[constructor]', '[in'];
const filter = fc.tuple(fc.constantFrom(...fields), fc.constantFrom(...operators)).map((parts) => parts.join(''));

const parametersOf: Readonly<Record<string, fc.Arbitrary<string>>> = {
  '/v1/imports': fc.constantFrom('status', 'resource', 'limit', 'after', 'format', 'delimiter'),
  '/v1/imports/:id/errors': fc.constantFrom('format', 'limit', 'after'),
  '/v1/imports/:id/rejects': fc.constant('with'),
  '/v1/imports/preview': fc.constantFrom('resource', 'format', 'delimiter', 'file_name', 'whole'),
  '/v1/exports/estimate': fc.oneof(fc.constantFrom('resource', 'limit'), filter),
  '/v1/exports': fc.oneof(fc.constantFrom('format', 'fields', 'sort', 'limit', 'after', 'status', 'resource'), filter),
};
/** Every route; a test compares it with the service's own list. */
export const fuzzedRoutes = [
  '/v1/imports',
  '/v1/imports/:id',
  '/v1/imports/:id/errors',
  '/v1/imports/:id/errors/groups',
  '/v1/imports/:id/rejects',
  '/v1/imports/:id/events',
  '/v1/imports/:id/cancel',
  '/v1/imports/preview',
  '/v1/resources',
  '/v1/overview',
  '/v1/exports/estimate',
  '/v1/exports/:id/events',
  '/v1/exports',
  '/v1/exports',
  '/v1/exports/:id',
  '/v1/exports/:id/download',
  '/v1/exports/:id/cancel',
  '/health',
  '/health/live',
  '/metrics',
  '/problems/:id',
  '/openapi.json',
  '/docs',
  '/docs/static/:id',
  '/',
  '/console/:id/:id',
  '/:id',
  '/v1/:id/:id',
];

const value = fc.oneof(
  fc.constantFrom('users', 'articles', 'comments', 'csv', 'ndjson', 'json', '1', 'pending', 'id', '-created_at'),
  hostileText,
);

const queryOf = (route: string) => {
  const name = fc.oneof(
    { weight: 9, arbitrary: parametersOf[route] ?? hostileText },
    { weight: 1, arbitrary: hostileText },
  );
  const pair = fc.tuple(name, value, fc.nat(19)).map(([name, value, die]) =>
    // Mostly encoded as it should be.
    die === 0 ? `${printable(name)}=${printable(value)}` : `${encode(name)}=${encode(value)}`,
  );
  const resource = fc.constantFrom('resource=users', 'resource=articles', '');
  return fc
    .tuple(/^\/v1\/exports(\/estimate)?$/.test(route) ? resource : fc.constant(''), fc.array(pair, { maxLength: 2 }))
    .map(([first, pairs]) => [first, ...pairs].filter((part) => part !== '').join('&'));
};

const headerName = fc.constantFrom(
  ...[
    'accept',
    'accept-encoding',
    'content-encoding',
    'expect',
    'idempotency-key',
    'if-none-match',
    'last-event-id',
    'if-range',
    'range',
  ],
  ...['x-request-id', 'x-forwarded-for', 'authorization', 'x-api-key', 'origin', 'host', 'constructor'],
  ...['access-control-request-method', 'access-control-request-headers'],
);
const headerValue = fc.oneof(
  hostileText,
  fc.constantFrom(
    'gzip;q=0, identity;q=0, *;q=0',
    'bytes=0-',
    'bytes=9-1',
    'bytes=-99999999999999999999',
    'text/plain',
  ),
);
const headers = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.dictionary(headerName, headerValue.map(headerText), { maxKeys: 2 }) },
);

const json = (payload: string): Body => ({ type: 'application/json', payload });
const condition = fc
  .tuple(fc.constantFrom(...fields), fc.constantFrom('eq', 'gte', 'in', 'in', '__proto__'), hostileJson)
  .chain(([field, operator, value]) =>
    fc.constantFrom(`{"${field}":${value}}`, `{"${field}":{"${operator}":${value}}}`, `{"${field}":{"in":[${value}]}}`),
  );
/** Right but for a property or two. */
const exportBody = fc
  .tuple(
    fc.constantFrom('"users"', '"articles"'),
    fc.array(
      fc.oneof(
        condition.map((filters) => ['filters', filters]),
        fc.tuple(
          fc.constantFrom('format', 'fields', 'filters', 'sort', 'limit', 'compression', 'resource'),
          hostileJson,
        ),
        fc.tuple(hostileText, hostileJson),
      ),
      { maxLength: 2 },
    ),
  )
  .map(([resource, properties]) => {
    const wrong = properties.map(([name = '', value]) => `${JSON.stringify(name)}:${value}`);
    return json(`{${['"resource":'.concat(resource), ...wrong].join(',')}}`);
  });

const boundary = 'fuzz-boundary';
const formType = `multipart/form-data; boundary=${boundary}`;
const partText = (disposition: string, type: string, content: string) =>
  `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${type}\r\n${content}\r\n`;
const users = 'id,email,name,role,created_at\n1,2,3,4,5\n';

/** A form that would be accepted if one of its texts were another. */
const form = fc
  .record({
    place: fc.constantFrom('resource', 'name', 'file name', 'extended', 'content', 'field', 'type', 'field type'),
    text: hostileText,
    other: hostileJson,
    cut: fc.oneof({ weight: 9, arbitrary: fc.constant(1e6) }, { weight: 1, arbitrary: fc.nat(500) }),
  })
  .map(({ place, text, other, cut }) => {
    const at = (name: typeof place, right: string, wrong = text) => (place === name ? wrong : right);
    const extended = at('extended', '', `; filename*=${text}''%00%D8%ff.csv`);
    const parts = [
      partText(
        `name="${at('name', 'resource')}"`,
        at('field type', '', 'Content-Type: application/json\r\n'),
        at('resource', place === 'field type' ? other : 'users'),
      ),
      partText(
        `name="file"; filename="${at('file name', 'users.csv')}"${extended}`,
        at('type', 'Content-Type: text/csv\r\n', `${text}: ${other}\r\n`),
        at('content', users, `${users}${text}\n${other}\n`),
      ),
      ...(place === 'field' ? [partText(`name="${text}"`, '', other)] : []),
    ];
    return { type: formType, payload: `${parts.join('')}--${boundary}--\r\n`.slice(0, cut) };
  });
const manyParts = fc
  .tuple(fc.integer({ min: 10, max: 3000 }), fc.constantFrom('', '; filename="x"'), hostileText)
  .map(([count, file, text]) => {
    const parts = Array.from({ length: count }, (_, n) => partText(`name="f${n}"${file}`, '', text.slice(0, 20)));
    return { type: formType, payload: `${parts.join('')}--${boundary}--\r\n` };
  });

const bodyOf = (route: string): fc.Arbitrary<Body> => {
  const any = fc.oneof(
    fc.constant({}),
    hostileJson.map(json),
    fc.tuple(hostileText.map(headerText), hostileText).map(([type, payload]) => ({ type, payload })),
    fc
      .tuple(hostileText.map(headerText), form)
      .map(([mark, { payload }]) => ({ type: `multipart/form-data; boundary=${mark}`, payload })),
  );
  if (route === '/v1/exports') return fc.oneof({ weight: 4, arbitrary: exportBody }, { weight: 1, arbitrary: any });
  if (route === '/v1/imports/preview') {
    const sample = fc.oneof(
      hostileText,
      hostileJson,
      form.map(({ payload }) => payload),
    );
    return sample.map((payload) => ({ type: 'application/octet-stream', payload }));
  }
  if (route !== '/v1/imports') return any;
  return fc.oneof({ weight: 8, arbitrary: form }, { weight: 2, arbitrary: any }, { weight: 1, arbitrary: manyParts });
};

const methodOf = (route: string): fc.Arbitrary<Method> =>
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc.constantFrom<Method>('GET', /^\/v1\/\w+$|cancel$|preview$/.test(route) ? 'POST' : 'GET'),
    },
    { weight: 1, arbitrary: fc.constantFrom<Method>('HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS') },
  );

const idOf = (route: string) =>
  fc.oneof(fc.constant(route.includes('exports') ? knownExport : knownImport), hostileText);

/** For `app.inject()`. */
export const hostileRequest: fc.Arbitrary<InjectOptions> = fc.constantFrom(...fuzzedRoutes).chain((route) =>
  fc
    .record({ method: methodOf(route), id: idOf(route), headers, body: bodyOf(route), query: queryOf(route) })
    .map(({ method, id, headers, body: { type, payload }, query }) => {
      const hasBody = payload !== undefined && method !== 'GET' && method !== 'HEAD';
      const url = route.replaceAll(':id', () => encode(id));
      return {
        method,
        // An upload's options come from its form as well.
        url: query === '' || (hasBody && query.length % 4 > 0) ? url : `${url}?${query}`,
        headers: { ...headers, ...(hasBody && type !== undefined ? { 'content-type': type } : {}) },
        ...(hasBody ? { payload } : {}),
      };
    }),
);

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Without what would end the request line. */
function printable(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]|#/g, '');
}

/** Without what Node refuses in a header before it comes to us. */
function headerText(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
}
