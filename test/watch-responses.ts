// Holds every response of the apps of this process against the OpenAPI document. Imported by build.ts for the test's own
// process, which fails by faults that no test has taken (of apps that tests build or share by themselves); preloaded by
// service-process.ts for the services that it starts: these tell of faults on stderr.
import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OpenApiDocument } from '../src/openapi/operation.ts';
import { Contract } from './contract.ts';

/** What a line of stderr begins with. */
export const faultMark = 'not as documented: ';

/** Larger bodies are not read. */
const maxBodyBytes = 1_048_576;

const faults = new WeakMap<FastifyInstance, Set<string>>();

/** Those that nobody has taken. */
const untaken = new Set<string>();

/** The document is the same for all apps. */
let contract: Contract | null = null;

// Each app has this hook before any other, so nothing is answered without it.
subscribe('fastify.initialization', (message) => {
  const { fastify: app } = message as { fastify: FastifyInstance };
  app.addHook('onRequest', async (request, reply) => watch(app, request, reply));
});

process.on('exit', () => {
  if (process.env.BULK_REPORT_FAULTS || untaken.size === 0) return;
  process.stderr.write([...untaken].map((fault) => `${faultMark}${fault}\n`).join(''));
  process.exitCode ||= 1;
});

/** Takes what was not as documented so far. */
export function takeFaults(app: FastifyInstance): string[] {
  const taken = [...(faults.get(app) ?? [])];
  faults.delete(app);
  for (const fault of taken) untaken.delete(fault);
  return taken;
}

function watch(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = reply;
  const { method, url } = request;
  const { write, end, writeHead } = raw;
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let ending = false;
  let headers: Record<string, unknown> = {};
  const keep = (chunk: unknown) => {
    if ((typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) || keptBytes > maxBodyBytes) return;
    kept.push(Buffer.from(chunk as string));
    keptBytes += chunk.length;
  };
  const wrapped: Pick<ServerResponse, 'write' | 'end' | 'writeHead'> = {
    writeHead: (...args: unknown[]) => {
      if (typeof args.at(-1) === 'object') headers = lowerCase(args.at(-1) as object);
      return writeHead.apply(raw, args as never);
    },
    write: (...args: unknown[]) => {
      // What end() is given may come by here once more.
      if (!ending) keep(args[0]);
      return write.apply(raw, args as never);
    },
    end: (...args: unknown[]) => {
      keep(args[0]);
      ending = true;
      const result = end.apply(raw, args as never);
      headers = { ...reply.getHeaders(), ...headers };
      const readable = keptBytes <= maxBodyBytes && (headers['content-encoding'] ?? 'identity') === 'identity';
      const body = readable ? Buffer.concat(kept).toString() : undefined;
      check(app, { method, url, status: raw.statusCode, headers, body });
      return result;
    },
  };
  Object.assign(raw, wrapped);
}

function check(app: FastifyInstance, response: Parameters<Contract['faultsOf']>[0]): void {
  // Parts of the app, as some tests build them, have no document.
  if (!app.hasDecorator('swagger')) return;
  contract ??= new Contract(app.swagger() as OpenApiDocument);
  for (const fault of contract.faultsOf(response)) {
    const text = `${response.method} ${response.url.slice(0, 200)} answered ${response.status}: ${fault}`;
    const known = faults.get(app) ?? new Set();
    faults.set(app, known.add(text));
    untaken.add(text);
    if (process.env.BULK_REPORT_FAULTS) process.stderr.write(`${faultMark}${text}\n`);
  }
}

function lowerCase(headers: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
