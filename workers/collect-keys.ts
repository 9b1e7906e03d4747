// Collects what the loader needs to know of a chunk's rows besides the rows themselves: hashes of their keys, what they are
// ordered by, and the distinct references. Reads the values as they were encoded.
import { type Field, type Resource, referencesOf } from '../src/resources/resource.ts';
import { DistinctUuids } from './distinct-uuids.ts';
import type { RowEncoder } from './encode-copy.ts';
import { hashText, hashUuid } from './hash-keys.ts';
import type { ParsedChunk, RowOrder } from './messages.ts';
import { sortHashes } from './sort-hashes.ts';

interface Column {
  field: string;
  position: number;
  type: Field['type'];
}

export class KeyCollector {
  readonly #keys: Column[];
  /** Whose values rows may be put in the order of (sort-rows.ts). */
  readonly #orders: Record<RowOrder, Column>;
  #order: Column;
  readonly #references: (Column & { distinct: DistinctUuids })[];
  #hashes = new Float64Array(0);
  #prefixes = new Uint32Array(0);
  #rows = 0;

  constructor(resource: Resource) {
    const names = Object.keys(resource.fields);
    const column = (field: string): Column => ({
      field,
      position: names.indexOf(field),
      type: (resource.fields[field] as Field).type,
    });
    this.#keys = resource.keys.map(column);
    const references = referencesOf(resource);
    const key = column(resource.keys[0] as string);
    this.#orders = { key, reference: references[0] ? column(references[0].field) : key };
    this.#order = key;
    this.#references = references.map(({ field }) => ({ ...column(field), distinct: new DistinctUuids() }));
  }

  /** Begins another chunk. */
  reset(maxRows: number, order: RowOrder): void {
    this.#order = this.#orders[order];
    if (maxRows > this.#prefixes.length) {
      this.#prefixes = new Uint32Array(maxRows);
      this.#hashes = new Float64Array(maxRows * this.#keys.length);
    }
    this.#rows = 0;
    for (const { distinct } of this.#references) distinct.reset(maxRows);
  }

  /** @param encoder has just encoded the row. Keys are never NULL (src/resources/load-resources.ts). */
  add({ rows, valueStarts }: RowEncoder): void {
    const { view } = rows;
    const bytes = rows.reserve(0);
    for (let n = 0; n < this.#keys.length; n++) {
      const { position, type } = this.#keys[n] as Column;
      const start = valueStarts[position] as number;
      const length = view.getInt32(start - 4);
      this.#hashes[this.#rows * this.#keys.length + n] =
        type === 'uuid' ? hashUuid(view, start, n) : hashText(bytes, start, start + length, type === 'email', n);
    }
    for (const { position, distinct } of this.#references) {
      const start = valueStarts[position] as number;
      if (view.getInt32(start - 4) > 0) distinct.add(view, start);
    }
    const start = valueStarts[this.#order.position] as number;
    this.#prefixes[this.#rows++] = view.getInt32(start - 4) < 4 ? 0 : view.getUint32(start);
  }

  /** The first four bytes of what each row is ordered by, as a number; valid until `reset`. */
  get prefixes(): Uint32Array {
    return this.#prefixes.subarray(0, this.#rows);
  }

  /** What has been collected, in buffers of its own. */
  finish(): Pick<ParsedChunk, 'keyHashes' | 'keysRepeat' | 'references'> {
    const keyHashes = sortHashes(this.#hashes.subarray(0, this.#rows * this.#keys.length));
    return {
      keyHashes,
      keysRepeat: hasEqualNeighbours(keyHashes),
      references: this.#references.map(({ field, distinct }) => ({ field, ...distinct.finish() })),
    };
  }
}

function hasEqualNeighbours(ascending: Float64Array): boolean {
  for (let i = 1; i < ascending.length; i++) if (ascending[i] === ascending[i - 1]) return true;
  return false;
}
