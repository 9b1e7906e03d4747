/** Finds the records of a file in its bytes and adds them to a chunk builder. Remembers where it is between calls. */
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
