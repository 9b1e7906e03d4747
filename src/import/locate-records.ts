// Finds out where the records of a file lie, without keeping or copying them.
import type { RecordFault } from '../../workers/messages.ts';
import type { OpenedFile } from './open-file.ts';

/** Positions are those of the unpacked file. */
export interface RecordPlace {
  /** Its ordinal in the file, from 1. */
  record: number;
  start: number;
  end: number;
  /** After the record and what ends it. */
  byteEnd: number;
  /** `tooLong`: its bytes are not in the file's window. */
  fault: RecordFault;
}

/**
 * The places of all records, in file order, those of several records at a time: until the next of them is asked for, the
 * records' bytes are in the file's window, unless they are too long. Closes the file at the end, whatever that is.
 * @throws FileFault behind the last whole record; the source's error.
 */
export async function* locateRecords(file: OpenedFile): AsyncGenerator<RecordPlace[], void, undefined> {
  const { input } = file;
  let places: RecordPlace[] = [];
  let records = 0;
  const splitter = file.createSplitter({
    add(start, end, _line, fault, byteEnd) {
      places.push({ record: ++records, start, end, byteEnd, fault });
    },
  });
  try {
    while (true) {
      try {
        splitter.split();
      } catch (error) {
        if (places.length > 0) yield places;
        throw error;
      }
      if (places.length > 0) yield places;
      places = [];
      if (input.ended) return;
      await input.fill(splitter.next);
    }
  } finally {
    await file.close();
  }
}
