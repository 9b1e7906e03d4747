// Rows on their way out: the connections they are read from, and how they are sent. The pool is apart from the API's,
// because a statement that runs for as long as its reader likes must not stand before a short one.

import { pipeline, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import Negotiator from 'negotiator';
import { openPool } from '../db/client.ts';
import { connectionBudget } from '../src/connection-budget.ts';
import { breakConnection } from '../src/export/break-connection.ts';
import { gzipLevel } from '../src/export/encode-rows.ts';
import { endStalledResponse } from '../src/export/end-stalled-response.ts';
import { ConnectionsBusy, type OpenOptions, type RowSource } from '../src/export/open-copy.ts';
import { clientGone } from '../src/http/signal-gone.ts';
import { whenOver } from '../src/http/when-over.ts';
import { problem } from '../src/problems.ts';
import { Slots } from '../src/slots.ts';

export interface StreamPoolOptions {
  /** How long a request waits for a connection while all are in use, before 503. Default 5 seconds. */
  busyWaitMs?: number;
}

declare module 'fastify' {
  interface FastifyInstance {
    streams: RowSource;
  }
  interface FastifyReply {
    /**
     * Sends the file that `open` gives, gzipped when the client accepts it. Whatever breaks half-way breaks the
     * connection; a client that leaves or stops reading frees the database connection.
     * @throws Problem too_busy; what `open` throws. The headers of a file are to be set by `open`, once it has one.
     */
    sendRows(open: (options: OpenOptions) => Promise<Readable>): Promise<FastifyReply>;
  }
}

export default fp<StreamPoolOptions>(
  async (app, { busyWaitMs = 5_000 }) => {
    const max = connectionBudget(app.config).exports;
    const pool = openPool(app.connection, { max, name: 'bulk streams', idleTimeoutSeconds: 60 });
    app.addHook('onClose', async () => await pool.end({ timeout: 5 }));
    app.decorate('streams', { pool, slots: new Slots(max) });

    app.decorateReply('sendRows', async function (this: FastifyReply, open) {
      const gone = new AbortController();
      let bytes: Readable | undefined;
      whenOver(this.raw, () => {
        // First, and without an error: any but the usual one of a stream that is closed early is logged as a fault of ours.
        bytes?.destroy();
        gone.abort(clientGone());
      });
      try {
        bytes = await open({ signal: gone.signal, waitMs: busyWaitMs });
        bytes.once('error', (error) => {
          if (gone.signal.aborted) return;
          this.request.log.error({ err: error }, 'Stream of rows broken off');
          breakConnection(this.raw.socket);
        });
        endStalledResponse(this.raw, app.config.clientPace);
        if (new Negotiator(this.request.raw).encoding(['gzip', 'identity']) !== 'gzip') return this.send(bytes);
        // @fastify/compress would take content that begins like a compressed file for one, and pass it on as it is.
        this.header('content-encoding', 'gzip');
        return this.send(pipeline(bytes, createGzip({ level: gzipLevel }), () => {}));
      } catch (error) {
        throw refuseBusy(error);
      }
    });
  },
  { name: 'stream-pool', dependencies: ['database'] },
);

/** What a request is told that waited for a connection in vain; any other error as it is. */
export function refuseBusy(error: unknown): unknown {
  if (!(error instanceof ConnectionsBusy)) return error;
  const detail =
    'all connections for streams of rows are in use; try again, or ask for an export job (POST /v1/exports)';
  return problem('too_busy', detail, {}, { 'retry-after': '5' });
}
