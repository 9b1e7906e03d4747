// The files of a torture: users, articles and comments that belong together, a third of the records wrong in one of many
// ways, duplicates and missing parents among them; and a file of valid users whose import is cancelled. What must come
// of them is said by the reference checker, which shares nothing with the service.
import { csvHeader, csvLine } from '../../testdata/encode-record.ts';
import { plainFaults } from '../../testdata/fault-plans.ts';
import { brokenJson, type Change, duplicate, noSuchParent, type Surroundings } from '../../testdata/faults.ts';
import { Random, streamOf, uuidAt } from '../../testdata/random.ts';
import { type ResourceName, recordsOf, type SampleRecord } from '../../testdata/valid-records.ts';
import { check } from '../reference-checker.ts';

export interface TortureFile {
  resource: ResourceName;
  name: string;
  text: string;
  records: number;
  rejected: number;
  rowErrors: number;
  /** By record, from 0: the id that loads, or null for a rejected record. */
  ids: (string | null)[];
}

export interface FileSet {
  users: TortureFile;
  articles: TortureFile;
  comments: TortureFile;
  /** Its import is cancelled. */
  cancelled: TortureFile;
}

const faults: Record<ResourceName, readonly Change[]> = {
  users: [...plainFaults.users, duplicate('email', { anyCase: true }), duplicate('id', { anyCase: true })],
  articles: [...plainFaults.articles, duplicate('slug', { anyCase: false }), noSuchParent('author_id'), brokenJson],
  comments: [...plainFaults.comments, duplicate('id', { anyCase: true }), noSuchParent('user_id'), brokenJson],
};
const faultyShare = 0.3;

export function makeFiles(seed: number, size: number): FileSet {
  const nobody = new Set<string>();
  const users = makeFile('users', seed, size, faultyShare, { users: nobody, articles: nobody });
  const authors = loadedIds(users);
  const articles = makeFile('articles', seed, size, faultyShare, { users: authors, articles: nobody });
  const comments = makeFile('comments', seed, size, faultyShare, { users: authors, articles: loadedIds(articles) });
  const cancelled = makeFile('users', seed + 1_000_000, size, 0, { users: nobody, articles: nobody });
  return { users, articles, comments, cancelled: { ...cancelled, name: 'cancelled.csv' } };
}

export function loadedIds({ ids }: TortureFile): Set<string> {
  return new Set(ids.filter((id) => id !== null));
}

function makeFile(
  resource: ResourceName,
  seed: number,
  size: number,
  faulty: number,
  parents: { users: Set<string>; articles: Set<string> },
): TortureFile {
  const random = new Random(streamOf(seed, `${resource} torture`), 0);
  const recordAt = recordsOf(resource, { seed, users: 1, articles: 1, articleWords: 8, commentWords: 6 });
  const encode = resource === 'users' ? csvLine : JSON.stringify;
  const [users, articles] = [[...parents.users], [...parents.articles]];
  const accepted: SampleRecord[] = [];
  const around: Surroundings = {
    random,
    accepted,
    unclaimed: [],
    rejectedParents: [uuidAt(streamOf(seed, 'none'), 0)],
  };
  const ids: (string | null)[] = [];
  const lines = Array.from({ length: size }, (_, index) => {
    const record = recordAt(index);
    record.created_at ??= '2024-01-01T00:00:00Z';
    // Of another seed than the file beside it, yet no e-mail address may be in both.
    if (resource === 'users') record.email = `${seed}.${record.email}`;
    if (resource === 'articles') record.author_id = random.pick(users);
    if (resource === 'comments')
      Object.assign(record, { user_id: random.pick(users), article_id: random.pick(articles) });
    if (accepted.length > 0 && random.chance(faulty)) {
      ids.push(null);
      return random.pick(faults[resource])(record, around) ?? encode(record);
    }
    accepted.push(record);
    ids.push(`${record.id}`);
    return encode(record);
  });
  const header = resource === 'users' ? [csvHeader(recordAt(0))] : [];
  const text = `${[...header, ...lines].join('\n')}\n`;
  const outcome = check(resource, text, parents);
  if (outcome.total !== size || outcome.loaded.size !== accepted.length) throw new Error(`${resource}: not as planned`);
  const name = resource === 'users' ? 'users.csv' : `${resource}.ndjson`;
  return {
    resource,
    name,
    text,
    records: size,
    rejected: size - accepted.length,
    rowErrors: outcome.faults.length,
    ids,
  };
}
