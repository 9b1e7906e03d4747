// The files that are imported, and the same rows as PostgreSQL's COPY text for the baseline. Made once per size, in a
// folder for temporary files named after the generator that made them.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, globSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import type { Format } from '../src/resources/formats.ts';
import { resourceNamed } from '../src/resources/index.ts';
import type { Resource } from '../src/resources/resource.ts';
import type { ResourceName, SampleRecord } from '../testdata/valid-records.ts';
import { writeRecords } from '../testdata/write-records.ts';
import { escapeCopyText } from '../workers/copy-text.ts';

export interface DataFile {
  path: string;
  resource: ResourceName;
  format: Format;
  records: number;
  /** How many of them break no rule. */
  valid: number;
}

export interface DataFileOptions {
  /** Default: as many as there are of the resource. */
  records?: number;
  /** Share of records that break a rule, 0 to 1; default 0. */
  invalid?: number;
}

const project = join(import.meta.dirname, '..');

export class DataFiles {
  readonly #sizes: Record<ResourceName, number>;
  readonly #progress: (message: string) => void;
  #folder: Promise<string> | undefined;

  /** @param records of users and of comments. */
  constructor(records: number, progress: (message: string) => void) {
    this.#sizes = { users: records, articles: Math.ceil(records / 2), comments: records };
    this.#progress = progress;
  }

  sizeOf(resource: ResourceName): number {
    return this.#sizes[resource];
  }

  async records(resource: ResourceName, format: Format, options: DataFileOptions = {}): Promise<DataFile> {
    const { records = this.#sizes[resource], invalid = 0 } = options;
    const { users, articles } = this.#sizes;
    const parents = { users: '', articles: `-by-${users}`, comments: `-by-${users}-on-${articles}` }[resource];
    const name = `${resource}-${records}${parents}${invalid > 0 ? `-invalid-${invalid.toFixed(3)}` : ''}.${format}`;
    const path = await this.#made(name, async (path) => {
      await writeRecords({ resource, records, path, format, invalid, users, articles });
    });
    return { path, resource, format, records, valid: records - Math.floor(records * invalid) };
  }

  /** The rows of the resource's valid file, columns in the order of its fields. @returns the path. */
  async copyText(resource: ResourceName): Promise<string> {
    const { path } = await this.records(resource, 'ndjson');
    return await this.#made(`${path.slice(path.lastIndexOf('/') + 1)}.copy`, async (copyPath) => {
      await pipeline(createReadStream(path), encodeLines(resourceNamed(resource)), createWriteStream(copyPath));
    });
  }

  /** The valid users as NDJSON, cut into files of equal size. */
  async userParts(count: number): Promise<DataFile[]> {
    const whole = await this.records('users', 'ndjson');
    let lines: string[] | undefined;
    const parts: DataFile[] = [];
    for (let part = 0; part < count; part++) {
      const [first, end] = [part, part + 1].map((bound) => Math.floor((whole.records * bound) / count)) as [
        number,
        number,
      ];
      const path = await this.#made(`users-${whole.records}-part-${part + 1}-of-${count}.ndjson`, async (path) => {
        lines ??= (await readFile(whole.path, 'utf8')).split('\n');
        await writeFile(path, `${lines.slice(first, end).join('\n')}\n`);
      });
      parts.push({ ...whole, path, records: end - first, valid: end - first });
    }
    return parts;
  }

  /** A file appears under its name when it is complete. */
  async #made(name: string, make: (path: string) => Promise<void>): Promise<string> {
    const path = join(await (this.#folder ??= cacheFolder()), name);
    if (await exists(path)) return path;
    this.#progress(`making ${path}`);
    const unfinished = `${path}.${process.pid}`;
    await make(unfinished);
    await rename(unfinished, path);
    return path;
  }
}

async function cacheFolder(): Promise<string> {
  const hash = createHash('sha256');
  const makers = globSync('{testdata/*,bench/data-files,workers/copy-text,src/resources/*}.ts', { cwd: project });
  for (const file of makers.sort()) hash.update(await readFile(join(project, file)));
  const folder = join(tmpdir(), `bulk-bench-${process.getuid?.() ?? 0}`, hash.digest('hex').slice(0, 12));
  await mkdir(folder, { recursive: true });
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

function encodeLines(resource: Resource) {
  return async function* (source: AsyncIterable<Buffer>) {
    let text = '';
    for await (const line of createInterface({ input: source as unknown as NodeJS.ReadableStream })) {
      text += `${encodeRow(resource, JSON.parse(line))}\n`;
      if (text.length < 256 * 1024) continue;
      yield text;
      text = '';
    }
    yield text;
  };
}

function encodeRow({ fields }: Resource, record: SampleRecord): string {
  const values = Object.entries(fields).map(([name, field]) => {
    const value = record[name];
    if (value !== null && value !== undefined) return encodeValue(value);
    if (!('default' in field) || field.default === null) return '\\N';
    if (field.default === 'now') return '2025-01-01T00:00:00Z';
    return encodeValue(
      typeof field.default === 'object' && 'field' in field.default ? record[field.default.field] : field.default,
    );
  });
  return values.join('\t');
}

/** An array's elements are quoted as JSON quotes them, which PostgreSQL reads alike where no control character is. */
function encodeValue(value: unknown): string {
  const text = Array.isArray(value) ? `{${value.map((element) => JSON.stringify(element)).join(',')}}` : String(value);
  return escapeCopyText(text);
}
