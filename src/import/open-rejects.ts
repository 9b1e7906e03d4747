// The rejected records of an import as a file of its own, byte for byte as they were sent, out of the stored upload. The
// upload is read twice side by side: one reading finds where records lie, the other copies those that the row errors name.
// So memory is constant, whatever the number and the length of the rejected records. Those that must come last
// (frame-rejects.ts tells which) are copied in a second pass over all of this, where there are any.
import { Readable } from 'node:stream';
import type { Job } from '../../db/jobs.ts';
import { copyRejections } from '../../db/row-errors.ts';
import { type OpenOptions, openCopy, type RowSource } from '../export/open-copy.ts';
import type { FileStore } from '../file-store.ts';
import type { Format } from '../resources/formats.ts';
import { resourceNamed } from '../resources/index.ts';
import { BlockReader } from './block-reader.ts';
import { frameRejects, type RejectsFrame } from './frame-rejects.ts';
import type { ImportOptions } from './import-options.ts';
import { locateRecords, type RecordPlace } from './locate-records.ts';
import { type OpenedFile, openFile } from './open-file.ts';
import { RangeCopier } from './range-copier.ts';
import { type Rejection, readRejections } from './read-rejections.ts';
import { unpack } from './unpack.ts';

export interface RejectsRequest {
  job: Job & { file: string };
  /** Rejections of later records are left out. */
  throughRecord: number;
  withReasons: boolean;
}

export interface RejectsServices {
  streams: RowSource;
  uploads: FileStore;
  maxRecordBytes: number;
}

export interface Rejects {
  bytes: Readable;
  /** That of the records: NDJSON for a `.json` file that starts with an object. */
  format: Format;
}

/** The upload, read side by side with the rejections of its records. */
interface Reading {
  file: OpenedFile;
  copier: RangeCopier;
  rows: Readable;
  frame: RejectsFrame;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * @throws FileFault when no record can have been read of the file; what BlockReader throws when it is gone, whole or in
 *   part; what openCopy throws.
 */
export async function openRejects(
  services: RejectsServices,
  request: RejectsRequest,
  options: OpenOptions,
): Promise<Rejects> {
  let reading = await openReading(services, request, options);
  const readAgain = async () => {
    // Its first connection is given back: having none of its own, it may wait for another as long as it takes.
    reading = await openReading(services, request, { signal: options.signal });
    return reading;
  };
  const { format } = reading.file;
  const bytes = Readable.from(copyRejects(reading, readAgain), { objectMode: false });
  // A stream that is destroyed before it was read has run nothing of its own.
  bytes.once('close', () => void reading.close());
  return { bytes, format };
}

/** @returns the format of the records, of which none is read. @throws as openRejects, but for openCopy. */
export async function findFormat(
  services: RejectsServices,
  job: RejectsRequest['job'],
  signal: AbortSignal,
): Promise<Format> {
  const file = await openUpload(services, job, signal);
  await file.close();
  return file.format;
}

/** The import has kept to its limit of unpacked bytes; the records that it rejected are to be had in any case. */
const maxUnpackedBytes = Number.POSITIVE_INFINITY;

async function openUpload(
  { uploads, maxRecordBytes }: RejectsServices,
  job: RejectsRequest['job'],
  signal: AbortSignal,
): Promise<OpenedFile> {
  const { format, gzip, delimiter } = job.options as unknown as ImportOptions;
  const resource = resourceNamed(job.resource);
  return await openFile(readUpload(uploads, job), {
    ...{ resource, format, gzip, delimiter, maxRecordBytes, maxUnpackedBytes, signal },
  });
}

function readUpload(uploads: FileStore, { file, bytes_total }: RejectsRequest['job']): BlockReader {
  return new BlockReader(uploads.path(file), bytes_total ?? 0);
}

async function openReading(
  services: RejectsServices,
  { job, throughRecord, withReasons }: RejectsRequest,
  options: OpenOptions,
): Promise<Reading> {
  const { streams, uploads } = services;
  const file = await openUpload(services, job, options.signal);
  const { gzip } = job.options as unknown as ImportOptions;
  const source = readUpload(uploads, job);
  const blocks = gzip ? unpack(source, maxUnpackedBytes, () => {}) : source;
  const copier = new RangeCopier(blocks[Symbol.asyncIterator]());
  const close = async () => {
    source.destroy();
    await Promise.all([file.close(), copier.close()]);
  };
  try {
    await copier.begin();
    const rows = await openCopy(streams, copyRejections(job.id, throughRecord, withReasons), options);
    return {
      ...{ file, copier, rows, frame: frameRejects(file, resourceNamed(job.resource), withReasons) },
      async close() {
        rows.destroy();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a pass over the rejected records has copied and passed over. */
interface Pass {
  copied: number;
  passedOver: number;
  /** The last record copied has kept its line break. */
  endsLine: boolean;
}

async function* copyRejects(
  first: Reading,
  readAgain: () => Promise<Reading>,
): AsyncGenerator<Buffer, void, undefined> {
  const { frame, copier } = first;
  const pass: Pass = { copied: 0, passedOver: 0, endsLine: true };
  try {
    copier.write(frame.head);
    yield* copyRecords(first, (place) => !frame.isLast(place), pass);
    copier.write(Buffer.from(frame.tail(pass.copied === 0)));
    yield* copier.takeFull();
    yield copier.takeRest();
  } finally {
    await first.close();
  }
  if (pass.passedOver === 0) return;
  const second = await readAgain();
  const last: Pass = { copied: 0, passedOver: 0, endsLine: true };
  try {
    // The end of the upload is in the middle now.
    if (!pass.endsLine) second.copier.write(Buffer.from('\n'));
    yield* copyRecords(second, (place) => second.frame.isLast(place), last);
    yield* second.copier.takeFull();
    yield second.copier.takeRest();
  } finally {
    await second.close();
  }
  if (last.copied < pass.passedOver) throw new Error('the job was swept while its rejected records were copied');
}

async function* copyRecords(
  { file, copier, rows, frame }: Reading,
  isWanted: (place: RecordPlace) => boolean,
  pass: Pass,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const { place, insertion } of matchRejections(file, frame, rows)) {
    if (!isWanted(place)) {
      pass.passedOver++;
      continue;
    }
    copier.write(Buffer.from(frame.before(pass.copied === 0)));
    pass.copied++;
    pass.endsLine = place.end < place.byteEnd;
    const end = frame.endOf(place);
    const cut = insertion?.at ?? end;
    for (let at = copier.copy(place.start, cut); at < cut; at = copier.copy(at, cut)) {
      if (copier.hasFull) yield* copier.takeFull();
      await copier.fill();
    }
    if (insertion) copier.write(Buffer.from(insertion.text));
    for (let at = copier.copy(cut, end); at < end; at = copier.copy(at, end)) await copier.fill();
    if (copier.hasFull) yield* copier.takeFull();
  }
}

interface RejectedRecord {
  place: RecordPlace;
  insertion: ReturnType<RejectsFrame['insertion']>;
}

/** Both come in the order of the file. @throws Error when the file does not have a record that was rejected. */
async function* matchRejections(
  file: OpenedFile,
  frame: RejectsFrame,
  rows: Readable,
): AsyncGenerator<RejectedRecord, void, undefined> {
  const pages = readRejections(rows);
  const located = locateRecords(file);
  let page: Rejection[] = [];
  let places: RecordPlace[] = [];
  let at = 0;
  try {
    while (true) {
      if (at === page.length) {
        const next = await pages.next();
        if (next.done) return;
        [page, at] = [next.value, 0];
        continue;
      }
      const { record, reasons } = page[at++] as Rejection;
      while ((places.at(-1)?.record ?? 0) < record) {
        const next = await located.next();
        if (next.done) throw new Error(`the stored file has no record ${record}, which was rejected`);
        places = next.value;
      }
      const place = places[record - (places[0] as RecordPlace).record] as RecordPlace;
      yield { place, insertion: reasons === null ? null : frame.insertion(place, reasons) };
    }
  } finally {
    await Promise.all([pages.return(undefined), located.return(undefined)]);
  }
}
