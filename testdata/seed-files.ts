// The small valid files that a first start loads: ten users, five of them with an article, five comments.
import { csvHeader, csvLine } from './encode-record.ts';
import { recordsOf, type SampleRecord } from './valid-records.ts';

/** Under this seed the few records show every role, drafts and published articles, names in several scripts. */
const options = { seed: 4370, users: 10, articles: 5, articleWords: 30, commentWords: 10 };

function take(count: number, recordAt: (index: number) => SampleRecord): SampleRecord[] {
  return Array.from({ length: count }, (_, index) => recordAt(index));
}

function ndjson(records: SampleRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** The text of the three files by their names. */
export function seedFiles(): Record<string, string> {
  const users = take(10, recordsOf('users', options));
  return {
    'seed_users.csv': `${[csvHeader(users[0] ?? {}), ...users.map(csvLine)].join('\n')}\n`,
    'seed_articles.ndjson': ndjson(take(5, recordsOf('articles', options))),
    'seed_comments.ndjson': ndjson(take(5, recordsOf('comments', options))),
  };
}
