import type { FastifyRequest } from 'fastify';

/** onRequest of a route without a body: an empty one is none, whatever its type. Many clients name one by habit. */
export async function ignoreEmptyBody({ headers }: FastifyRequest): Promise<void> {
  const { 'content-length': bytes = '0', 'transfer-encoding': encoding } = headers;
  if (bytes === '0' && encoding === undefined) delete headers['content-type'];
}
