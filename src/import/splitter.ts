import type { RecordFault } from '../../workers/messages.ts';

/** Takes the records of a file, in their order. */
export interface RecordSink {
  /**
   * @param start,end positions of the record's bytes, which are in the input; not those of one that is too long.
   * @param line where it starts.
   * @param byteEnd position after the record and what ends it.
   * @param lastLine the line of the byte before `byteEnd`.
   */
  add(start: number, end: number, line: number, fault: RecordFault, byteEnd: number, lastLine: number): void;
}

/** Finds the records of a file in its bytes and adds them to a sink. Remembers where it is between calls. */
export interface Splitter {
  /** Position before which no further record starts. */
  readonly next: number;
  /** The physical line of `next`. */
  readonly line: number;
  /**
   * Goes through the bytes that have come in since the last call; each byte is looked at a bounded number of times.
   * @throws FileFault when the rest of the file cannot be read.
   */
  split(): void;
}

/** A place in a file: position in its unpacked bytes, and physical line, from 1. */
export interface Place {
  position: number;
  line: number;
}
