// The three files with intentional errors. A record's place in the file is random; what is done to it is settled by the
// fault plans, so the figures are exact. Articles refer only to users of the faulty users file that load (where a missing
// parent is not the point), comments only to such articles and users: the files depend on nothing but each other.
import { csvHeader, csvLine } from './encode-record.ts';
import { type FaultPlan, faultPlans } from './fault-plans.ts';
import type { Change, Surroundings } from './faults.ts';
import { Random, streamOf } from './random.ts';
import { type ResourceName, recordsOf, type SampleRecord } from './valid-records.ts';

const seed = 3;

/** The fields that are unique, as the resources define them. */
const keys: Record<ResourceName, readonly string[]> = {
  users: ['id', 'email'],
  articles: ['id', 'slug'],
  comments: ['id'],
};

interface Task {
  changes: Change[];
  rejected: boolean;
}

interface FaultyFile {
  lines: string[];
  /** Ids as the database stores them. */
  acceptedIds: string[];
  rejectedIds: string[];
}

/** What is done to which record, in file order. The first one is plain, so that later ones can repeat it. */
function assign({ records, faults, twists }: FaultPlan, random: Random): Task[] {
  const tasks: Task[] = [];
  for (const [count, ...changes] of faults) for (let i = 0; i < count; i++) tasks.push({ changes, rejected: true });
  for (const [count, change] of twists)
    for (let i = 0; i < count; i++) tasks.push({ changes: [change], rejected: false });
  while (tasks.length < records - 1) tasks.push({ changes: [], rejected: false });
  return [{ changes: [], rejected: false }, ...random.shuffle(tasks)];
}

function storedId(record: SampleRecord): string {
  return `${record.id}`.trim().toLowerCase();
}

function makeFile(
  resource: ResourceName,
  encode: (record: SampleRecord) => string,
  fill: (record: SampleRecord, random: Random) => void,
  rejectedParents: readonly string[],
): FaultyFile {
  const random = new Random(streamOf(seed, `${resource} faults`), 0);
  const recordAt = recordsOf(resource, { seed, users: 1, articles: 1, articleWords: 10, commentWords: 9 });
  const accepted: SampleRecord[] = [];
  const rejected: SampleRecord[] = [];
  const unclaimed: SampleRecord[] = [];
  const around: Surroundings = { random, accepted, unclaimed, rejectedParents };

  const lines = assign(faultPlans[resource], random).map((task, index) => {
    const record = recordAt(index);
    fill(record, random);
    const before = { ...record };
    let line: string | undefined;
    for (const change of task.changes) line = change(record, around) ?? line;
    if (!task.rejected) accepted.push(record);
    else if (keys[resource].every((key) => record[key] === before[key])) {
      rejected.push(before);
      unclaimed.push(before);
    }
    return line ?? encode(record);
  });

  const acceptedIds = accepted.map(storedId);
  const loaded = new Set(acceptedIds);
  return { lines, acceptedIds, rejectedIds: rejected.map(storedId).filter((id) => !loaded.has(id)) };
}

/** The text of the three files by their names. */
export function faultyFiles(): Record<string, string> {
  const users = makeFile('users', csvLine, () => {}, []);
  const articles = makeFile(
    'articles',
    JSON.stringify,
    (article, random) => {
      article.author_id = random.pick(users.acceptedIds);
    },
    users.rejectedIds,
  );
  const comments = makeFile(
    'comments',
    JSON.stringify,
    (comment, random) => {
      comment.article_id = random.pick(articles.acceptedIds);
      comment.user_id = random.pick(users.acceptedIds);
    },
    users.rejectedIds,
  );
  const header = csvHeader(recordsOf('users', { seed, users: 1, articles: 1, articleWords: 1, commentWords: 1 })(0));
  return {
    'users_huge.csv': `${[header, ...users.lines].join('\n')}\n`,
    'articles_huge.ndjson': `${articles.lines.join('\n')}\n`,
    'comments_huge.ndjson': `${comments.lines.join('\n')}\n`,
  };
}
