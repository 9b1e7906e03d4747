// What a parse thread does: one visit of each record of a chunk – decode, validate, encode – and the chunk's buffers,
// transferred, back to the main thread. A record that breaks a rule becomes row errors and leaves nothing else behind;
// records know nothing of each other, so the outcome does not depend on where the file was cut into chunks.
import { constants, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { resourceNamed } from '../src/resources/index.ts';
import type { Resource } from '../src/resources/resource.ts';
import { ChunkText } from './chunk-text.ts';
import { KeyCollector } from './collect-keys.ts';
import { RowEncoder } from './encode-copy.ts';
import { buffersOf, type ParsedChunk, type ParseRequest } from './messages.ts';
import { RecordReader } from './read-records.ts';
import { RowErrorWriter } from './row-error.ts';
import { orderRows, sortRows } from './sort-rows.ts';
import { createRecordCheck } from './validate.ts';

// Whoever waits for an answer comes first: the threads take what the main thread leaves. Linux alone has a nice value for
// each thread (setpriority(2), "C library/kernel differences"); elsewhere it would be the whole process's.
if (!isMainThread && process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

/** The entry of the thread: parses a chunk and hands its buffers over without copying them. */
export default function run(request: ParseRequest): unknown {
  const parsed = parseChunk(request, resourceNamed(request.resource));
  return move({ [transferableSymbol]: [...new Set(buffersOf(parsed))], [valueSymbol]: parsed });
}

export function parseChunk(request: ParseRequest, resource: Resource): ParsedChunk {
  const startedAt = performance.now();
  const { jobId, firstRecord, rowOrder, table } = request;
  const text = new ChunkText(request.bytes, table);
  const { check, encoder, keys } = workspaceOf(resource);
  const reader = new RecordReader(request, text, resource, check);
  encoder.reset();
  keys.reset(text.records, rowOrder);
  const starts = new Uint32Array(text.records + 1);
  const records = new Uint32Array(text.records);
  const errors = new RowErrorWriter(jobId);
  let rows = 0;
  let rejected = 0;

  for (let n = 0; n < text.records; n++) {
    const broken = reader.read(n);
    if (broken.length > 0) {
      rejected++;
      for (const error of broken) errors.write(error);
      continue;
    }
    encoder.encode(reader.values, reader.ascii);
    keys.add(encoder);
    records[rows] = n;
    starts[++rows] = encoder.rows.length;
  }

  // The records have been read: their memory takes the rows.
  const ordered = orderRows(encoder.rows.bytes, starts, records, sortRows(keys.prefixes), request.bytes.buffer);
  const found = { ...keys.finish(), rejected, errors: { copy: errors.copy, count: errors.count } };
  return { firstRecord, rows, ...ordered, table, ...found, parseMs: performance.now() - startedAt };
}

/** What a thread keeps for the chunks of a resource: the compiled schema, and memory. */
function createWorkspace(resource: Resource) {
  return { check: createRecordCheck(resource), encoder: new RowEncoder(resource), keys: new KeyCollector(resource) };
}

const workspaces = new WeakMap<Resource, ReturnType<typeof createWorkspace>>();

function workspaceOf(resource: Resource): ReturnType<typeof createWorkspace> {
  const known = workspaces.get(resource);
  if (known) return known;
  const workspace = createWorkspace(resource);
  workspaces.set(resource, workspace);
  return workspace;
}
