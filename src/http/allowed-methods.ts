import type { FastifyInstance } from 'fastify';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** The methods that a URL is served for, for an `Allow` header; empty when nothing is there. */
export function allowedMethods(app: FastifyInstance, url: string): string[] {
  const [path = ''] = url.split(/[?#]/, 1);
  const served = methods.filter((method) => app.findRoute({ method, url: path }) !== null);
  return served.length > 0 ? [...served, 'OPTIONS'] : [];
}
