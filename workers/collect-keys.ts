// Collects what the loader needs to know of a chunk's rows besides their text: the keys, folded for comparison, with
// their hashes, and the values of references with the set of distinct ones. Reads the columns as they were encoded.
import { type Field, type Resource, referencesOf } from '../src/resources/resource.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { DistinctUuids } from './distinct-uuids.ts';
import type { RowEncoder } from './encode-copy.ts';
import { writeTextKey, writeUuidKey } from './key-lines.ts';
import type { ParsedChunk } from './messages.ts';
import { sortHashes } from './sort-hashes.ts';
import { copyUuid, uuidBytes } from './uuid-words.ts';
import type { Values } from './validate.ts';

const lineFeed = 10;

interface Column {
  field: string;
  position: number;
  type: Field['type'];
  lines: ByteBuffer;
}

export class KeyCollector {
  readonly #keys: Column[];
  readonly #references: (Column & { distinct: DistinctUuids })[];
  readonly #hashes: Float64Array<ArrayBuffer>;
  #hashed = 0;

  constructor(resource: Resource, maxRows: number) {
    const names = Object.keys(resource.fields);
    const column = (field: string): Column => ({
      field,
      position: names.indexOf(field),
      type: (resource.fields[field] as Field).type,
      lines: new ByteBuffer(maxRows * (uuidBytes + 1)),
    });
    this.#keys = resource.keys.map(column);
    this.#references = referencesOf(resource).map(({ field }) => ({
      ...column(field),
      distinct: new DistinctUuids(maxRows),
    }));
    this.#hashes = new Float64Array(maxRows * this.#keys.length);
  }

  /**
   * @param row has just encoded the row.
   * @param values of the row, in the order of the fields.
   */
  add({ text, columnStarts }: RowEncoder, values: Values): void {
    for (let n = 0; n < this.#keys.length; n++) {
      const { position, type, lines } = this.#keys[n] as Column;
      const start = columnStarts[position] as number;
      const end = (columnStarts[position + 1] as number) - 1;
      this.#hashes[this.#hashed++] =
        type === 'uuid'
          ? writeUuidKey(lines, text.view, start, n)
          : writeTextKey(lines, text.reserve(0), start, end, type === 'email', n);
    }
    for (const { position, lines, distinct } of this.#references) {
      if (values[position] !== null) {
        const start = columnStarts[position] as number;
        lines.reserve(uuidBytes + 1);
        copyUuid(lines.view, lines.length, text.view, start);
        lines.length += uuidBytes;
        distinct.add(text.view, start);
      }
      lines.byte(lineFeed);
    }
  }

  /** What has been collected; the collector is done with it. */
  finish(): Pick<ParsedChunk, 'keys' | 'keyHashes' | 'keysRepeat' | 'references'> {
    const keyHashes = sortHashes(this.#hashes.subarray(0, this.#hashed));
    return {
      keys: this.#keys.map(({ field, lines }) => ({ field, lines: lines.bytes })),
      keyHashes,
      keysRepeat: hasEqualNeighbours(keyHashes),
      references: this.#references.map(({ field, lines, distinct }) => ({
        field,
        lines: lines.bytes,
        distinct: distinct.finish(),
      })),
    };
  }
}

function hasEqualNeighbours(ascending: Float64Array): boolean {
  for (let i = 1; i < ascending.length; i++) if (ascending[i] === ascending[i - 1]) return true;
  return false;
}
