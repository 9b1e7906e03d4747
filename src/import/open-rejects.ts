// The rejected records of an import as a file of its own, byte for byte as they were sent, out of the stored upload. The
// upload is read twice side by side: one reading finds where records lie, the other copies those that the row errors name.
// So memory is constant, whatever the number and the length of the rejected records.
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

/**
 * @throws FileFault when no record can have been read of the file; ENOENT when it is gone; what openCopy throws.
 */
export async function openRejects(
  { streams, uploads, maxRecordBytes }: RejectsServices,
  { job, throughRecord, withReasons }: RejectsRequest,
  options: OpenOptions,
): Promise<Rejects> {
  const { format, gzip, delimiter } = job.options as unknown as ImportOptions;
  const resource = resourceNamed(job.resource);
  // The import has kept to its limit; the records that it rejected are to be had in any case.
  const maxUnpackedBytes = Number.POSITIVE_INFINITY;
  const path = uploads.path(job.file);
  const file = await openFile(new BlockReader(path), {
    ...{ resource, format, gzip, delimiter, maxRecordBytes, maxUnpackedBytes },
    signal: options.signal,
  });
  const source = new BlockReader(path);
  const blocks = gzip ? unpack(source, maxUnpackedBytes, () => {}) : source;
  const copier = new RangeCopier(blocks[Symbol.asyncIterator]());
  const close = async () => {
    source.destroy();
    await Promise.all([file.close(), copier.close()]);
  };
  try {
    await copier.fill();
    const rows = await openCopy(streams, copyRejections(job.id, throughRecord, withReasons), options);
    const frame = frameRejects(file, resource, withReasons);
    const bytes = Readable.from(copyRejects(file, copier, frame, rows, close), { objectMode: false });
    // A stream that is destroyed before it was read has run nothing of its own.
    bytes.once('close', () => {
      rows.destroy();
      void close();
    });
    return { bytes, format: file.format };
  } catch (error) {
    await close();
    throw error;
  }
}

async function* copyRejects(
  file: OpenedFile,
  copier: RangeCopier,
  frame: RejectsFrame,
  rows: Readable,
  close: () => Promise<void>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    copier.write(frame.head);
    let isFirst = true;
    for await (const { place, insertion } of matchRejections(file, frame, rows)) {
      copier.write(Buffer.from(frame.before(isFirst)));
      isFirst = false;
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
    copier.write(Buffer.from(frame.tail(isFirst)));
    yield* copier.takeFull();
    yield copier.takeRest();
  } finally {
    rows.destroy();
    await close();
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
