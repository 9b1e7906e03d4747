// GET of a remote file: a few redirects, each checked like the first URL, then a response whose end can be told from a
// broken connection. Bytes that stop coming end it; how long all of it may take is the caller's to say.
import type { LookupAddress } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import type { LookupFunction } from 'node:net';
import { type AddressRules, findAddresses } from './find-addresses.ts';
import { parseFileUrl } from './parse-file-url.ts';
import { RemoteFault } from './remote-fault.ts';

const maxRedirects = 5;
const redirects = [301, 302, 303, 307, 308];

export interface RemoteOptions extends AddressRules {
  /** Longest silence of the server. */
  stallMs: number;
  signal: AbortSignal;
}

export interface RemoteFile {
  response: IncomingMessage;
  /** Of its Content-Length. */
  bytes: number | undefined;
  /** Content-Encoding says so; the bytes come as they are. */
  gzip: boolean;
}

/** @throws RemoteFault; the signal's reason. */
export async function openRemoteFile(url: URL, options: RemoteOptions): Promise<RemoteFile> {
  let at = url;
  for (let count = 0; ; count++) {
    const addresses = await unlessAborted(findAddresses(at, options), options.signal);
    const response = await get(at, addresses, options);
    const { location } = response.headers;
    if (!redirects.includes(response.statusCode ?? 0) || location === undefined) return accept(response);
    response.destroy();
    if (count === maxRedirects) throw failed(`the server redirects more than ${maxRedirects} times`);
    at = parseFileUrl(location, at);
  }
}

/** Resolves once the headers are there. */
async function get(
  url: URL,
  addresses: readonly LookupAddress[],
  { stallMs, signal }: RemoteOptions,
): Promise<IncomingMessage> {
  // Of an address in the URL no look-up is made: it is the one that was checked.
  const pinned: LookupFunction = (_host, { all }, done) => {
    const [{ address, family } = { address: '', family: 0 }] = addresses;
    if (all) done(null, [...addresses]);
    else done(null, address, family);
  };
  // With it Node loads its clients for browsers' APIs (fetch, WebSocket): 50 ms of every start, for the few services that need it.
  const { get } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  return await new Promise((resolve, reject) => {
    const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'bulk-import-export-api' };
    // No agent: no connection is shared, no proxy asked.
    const request = get(url, { agent: false, headers, lookup: pinned, signal });
    request.once('response', (response) => {
      request.setTimeout(stallMs, () => response.destroy(stalled(stallMs)));
      resolve(response);
    });
    request.setTimeout(stallMs, () => request.destroy(stalled(stallMs)));
    request.on('error', (error) => reject(signal.aborted ? signal.reason : explain(error)));
    // Also after an Upgrade that nobody asked for.
    request.once('close', () => reject(failed('the server closed the connection without an answer')));
  });
}

function accept(response: IncomingMessage): RemoteFile {
  const { statusCode: status, headers } = response;
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const length = headers['content-length'];
  // Of any other coding Node reads on until the connection closes, and takes that for the end, however it came about.
  const coding = headers['transfer-encoding']?.trim().toLowerCase();
  const refuse = (why: string) => {
    response.destroy();
    return failed(why, { status });
  };
  if (status !== 200) throw refuse(`the server answered ${status}, not 200`);
  if (!['identity', 'gzip', 'x-gzip'].includes(encoding))
    throw refuse('the server sent a Content-Encoding other than gzip');
  if (coding === undefined ? length === undefined : coding !== 'chunked') {
    throw refuse('the server sent neither Content-Length nor chunks: a broken connection would look like the end');
  }
  return { response, bytes: length === undefined ? undefined : Number(length), gzip: encoding !== 'identity' };
}

/**
 * The bytes of a response.
 * @throws RemoteFault when it ends early or the server falls silent.
 */
export async function* readToEnd(response: IncomingMessage): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const block of response) {
      bytes += block.length;
      yield block;
    }
  } catch (error) {
    if (error instanceof RemoteFault) throw error;
    throw failed(`the connection broke after ${bytes} bytes`, { reason: String(error), cause: error });
  }
  if (!response.complete) throw failed(`the connection ended after ${bytes} bytes, too early`);
}

function explain(error: Error): RemoteFault {
  if (error instanceof RemoteFault) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const why = /CERT|TLS|SSL|SELF_SIGNED|VERIFY_LEAF|EPROTO/.test(code)
    ? 'no TLS connection to the server could be made; its certificate must be valid'
    : 'the server cannot be reached, or does not speak HTTP';
  return failed(why, { reason: String(error), cause: error });
}

function stalled(stallMs: number): RemoteFault {
  return failed(`the server sent nothing for ${stallMs / 1_000} s`);
}

function failed(why: string, more?: { reason?: string; status?: number; cause?: unknown }): RemoteFault {
  return new RemoteFault('file_url_failed', why, more);
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    // Work that fails is heard here in any case: a failure that nobody handles would end the process.
    return await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
