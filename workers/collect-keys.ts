// Collects what the loader needs to know of a chunk's rows besides their text: the keys, folded for comparison, with
// their hashes, and the values of references with the set of distinct ones. Reads the columns as they were encoded.
import { type Field, type Resource, referencesOf } from '../src/resources/resource.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { DistinctValues } from './distinct-values.ts';
import type { RowEncoder } from './encode-copy.ts';
import type { ParsedChunk } from './messages.ts';
import type { Values } from './validate.ts';

const [lineFeed, backslash, capitalA, capitalZ, lowerCaseBit] = [10, 92, 65, 90, 0x20];

/** Expected bytes of a key or reference with its line feed; the buffers grow when there are more. */
const valueBytes = 37;

interface Column {
  field: string;
  position: number;
  lines: ByteBuffer;
}

export class KeyCollector {
  readonly #keys: (Column & { fold: boolean })[];
  readonly #references: (Column & { distinct: DistinctValues })[];
  readonly #hashes: Float64Array<ArrayBuffer>;
  #hashed = 0;

  constructor(resource: Resource, maxRows: number) {
    const names = Object.keys(resource.fields);
    const column = (field: string): Column => ({
      field,
      position: names.indexOf(field),
      lines: new ByteBuffer(maxRows * valueBytes),
    });
    this.#keys = resource.keys.map((key) => ({
      ...column(key),
      fold: (resource.fields[key] as Field).type === 'email',
    }));
    this.#references = referencesOf(resource).map(({ field }) => ({
      ...column(field),
      distinct: new DistinctValues(maxRows),
    }));
    this.#hashes = new Float64Array(maxRows * this.#keys.length);
  }

  /** @param row has just encoded the row. @param values of the row, in the order of the fields. */
  add({ text, columnStarts }: RowEncoder, values: Values): void {
    const source = text.reserve(0);
    for (const [ordinal, { position, lines, fold }] of this.#keys.entries()) {
      const end = (columnStarts[position + 1] as number) - 1;
      this.#hashes[this.#hashed++] = writeKey(lines, source, columnStarts[position] as number, end, fold, ordinal);
    }
    for (const { position, lines, distinct } of this.#references) {
      if (values[position] !== null) {
        const start = columnStarts[position] as number;
        const end = (columnStarts[position + 1] as number) - 1;
        lines.copy(source, start, end);
        distinct.add(source, start, end);
      }
      lines.byte(lineFeed);
    }
  }

  /** What has been collected; the collector is done with it. */
  finish(): Pick<ParsedChunk, 'keys' | 'keyHashes' | 'keysRepeat' | 'references'> {
    const keyHashes = this.#hashes.subarray(0, this.#hashed).sort();
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

/**
 * Writes the line of a key: the column without its escapes (in a key only a backslash is ever escaped), in lower case
 * if `fold`.
 * @param seed keeps equal values of different keys apart.
 * @returns a hash of 53 bits: two multiplicative ones of 32 bits, after cyrb53 (bryc, public domain).
 */
function writeKey(
  lines: ByteBuffer,
  source: Uint8Array,
  start: number,
  end: number,
  fold: boolean,
  seed: number,
): number {
  const target = lines.reserve(end - start + 1);
  let at = lines.length;
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let i = start; i < end; i++) {
    let byte = source[i] as number;
    if (byte === backslash) byte = source[++i] as number;
    if (fold && byte >= capitalA && byte <= capitalZ) byte |= lowerCaseBit;
    target[at++] = byte;
    high = Math.imul(high ^ byte, 0x9e3779b1);
    low = Math.imul(low ^ byte, 0x5f356495);
  }
  target[at++] = lineFeed;
  lines.length = at;
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
}

function hasEqualNeighbours(ascending: Float64Array): boolean {
  for (let i = 1; i < ascending.length; i++) if (ascending[i] === ascending[i - 1]) return true;
  return false;
}
