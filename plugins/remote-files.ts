// Fetches the file that a request names by its URL into the store of uploads, while the client waits. What was refused, and
// why, is for the log: the client is not to learn about hosts that it could not reach itself.
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { FileTooLarge } from '../src/file-store.ts';
import { signalGone } from '../src/http/signal-gone.ts';
import type { ReceiveOptions, Upload } from '../src/import/receive-upload.ts';
import { type RemoteRequest, readRemoteRequest } from '../src/import/remote-request.ts';
import { problem } from '../src/problems.ts';
import { type FetchedFile, fetchFile } from '../src/remote/fetch-file.ts';
import { RemoteFault } from '../src/remote/remote-fault.ts';

declare module 'fastify' {
  interface FastifyInstance {
    remoteFiles: {
      /** @throws Problem remote_files_off, file_required, invalid_option, file_url_refused. */
      read(request: FastifyRequest): RemoteRequest;
      /**
       * @param meter as of an upload.
       * @throws Problem file_url_refused, file_url_failed, file_too_large, too_busy when as many are being fetched as may be;
       * what the meter and the store throw. Then no file remains.
       */
      fetch(
        remote: RemoteRequest,
        meter: ReceiveOptions['meter'],
        request: FastifyRequest,
        reply: FastifyReply,
      ): Promise<Upload>;
    };
  }
}

const retrySeconds = 10;

export default fp(
  async (app) => {
    const { config, storage } = app;
    const { on, allow, timeoutMs, concurrency } = config.remote;
    const maxBytes = config.import.maxUploadBytes;
    let fetching = 0;

    function read(request: FastifyRequest): RemoteRequest {
      if (!on) {
        const detail = 'imports from a file_url are off (REMOTE_FILES); send the file as multipart/form-data';
        throw problem('remote_files_off', detail);
      }
      try {
        return readRemoteRequest(request.body);
      } catch (error) {
        throw translate(error, request);
      }
    }

    async function fetch(
      remote: RemoteRequest,
      meter: ReceiveOptions['meter'],
      request: FastifyRequest,
      reply: FastifyReply,
    ): Promise<Upload> {
      // Each holds a connection to the client, one to the server and a file, for as long as a server elsewhere likes.
      if (fetching >= concurrency) throw refuseForNow(concurrency);
      const startedAt = performance.now();
      fetching++;
      try {
        const options = { store: storage.uploads, maxBytes, meter, timeoutMs, allow, signal: signalGone(reply.raw) };
        const fetched = await fetchFile(remote.url, options);
        const { bytes } = fetched.stored;
        const durationMs = Math.round(performance.now() - startedAt);
        // Of the URL no more than the host: the rest may hold a signature.
        request.log.info({ remote_host: remote.url.host, bytes, duration_ms: durationMs }, 'Remote file fetched');
        return { stored: fetched.stored, fileName: nameOf(remote, fetched), fields: remote.fields };
      } catch (error) {
        throw translate(error, request, remote);
      } finally {
        fetching--;
      }
    }

    function translate(error: unknown, { log }: FastifyRequest, remote?: RemoteRequest): unknown {
      if (error instanceof FileTooLarge) {
        return problem('file_too_large', `the file is larger than ${maxBytes} bytes (MAX_UPLOAD_SIZE)`);
      }
      if (!(error instanceof RemoteFault)) return error;
      const { code, message, reason, status } = error;
      log.warn({ remote_host: remote?.url.host, code, reason }, 'A remote file was not fetched');
      return problem(code, message, { field: 'file_url', ...(status === undefined ? {} : { remote_status: status }) });
    }

    app.decorate('remoteFiles', { read, fetch });
  },
  { name: 'remote-files', dependencies: ['storage'] },
);

function refuseForNow(concurrency: number): Error {
  const detail = `${concurrency} files of a file_url are being fetched (REMOTE_CONCURRENCY); try again when one is there`;
  return problem('too_busy', detail, {}, { 'retry-after': String(retrySeconds) });
}

/** The name tells how to read the file: one that the server gzipped on its way is stored like that. */
function nameOf({ fileName }: RemoteRequest, { gzip }: FetchedFile): string {
  return gzip && !/\.gz$/i.test(fileName) ? `${fileName}.gz` : fileName;
}
