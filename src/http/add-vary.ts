import type { FastifyReply } from 'fastify';

/** Adds a header field to those by which the answer varies; CORS may have named the origin already. */
export function addVary(reply: FastifyReply, field: string): FastifyReply {
  const before = reply.getHeader('vary');
  return reply.header('vary', before === undefined ? field : `${before}, ${field}`);
}
