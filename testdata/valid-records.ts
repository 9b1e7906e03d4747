// Valid records of the three resources by index: the same seed and index always give the same record. Every key is
// unique by construction, and references go by index too: article i is by user i mod users, comment i is on article
// i mod articles.
import { accountName, prose, tags, title, wordPair } from './phrases.ts';
import { Random, streamOf, uuidAt } from './random.ts';

export const resources = ['users', 'articles', 'comments'] as const;
export type ResourceName = (typeof resources)[number];

/** A record by field name, in the order of the columns; every record of a resource has all its fields as properties. */
export type SampleRecord = Record<string, unknown>;

export interface SampleOptions {
  seed: number;
  /** How many users there are to refer to. */
  users: number;
  /** How many articles there are to refer to. */
  articles: number;
  /** Words of an article's body, about. */
  articleWords: number;
  /** Words of a comment's body, about. */
  commentWords: number;
}

const firstSecond = Date.UTC(2023, 0, 1) / 1000;
const twoYearsSeconds = 2 * 365 * 86_400;

/** RFC 3339 without a fraction. */
function timestamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** None to three of them, each once. */
function someTags(random: Random): string[] {
  const first = random.below(tags.length);
  return Array.from({ length: random.below(4) }, (_, n) => tags[(first + n * 2) % tags.length] as string);
}

/** A function from index (0 …) to that record of the resource; what it returns is the caller's to change. */
export function recordsOf(resource: ResourceName, options: SampleOptions): (index: number) => SampleRecord {
  const { seed } = options;
  const stream = streamOf(seed, `${resource} values`);
  const ids = streamOf(seed, resource);
  const userIds = streamOf(seed, 'users');
  const articleIds = streamOf(seed, 'articles');

  function user(index: number): SampleRecord {
    const random = new Random(stream, index);
    const [adjective, noun] = wordPair(random);
    const created = firstSecond + random.below(twoYearsSeconds);
    const role = random.next();
    return {
      id: uuidAt(ids, index),
      email: `${adjective}.${noun}${index}@example.${random.chance(0.7) ? 'com' : 'org'}`,
      name: accountName(random),
      role: role < 0.7 ? 'viewer' : role < 0.95 ? 'editor' : 'admin',
      active: random.chance(0.9),
      created_at: timestamp(created),
      updated_at: random.chance(0.2) ? null : timestamp(created + random.below(10_000_000)),
    };
  }

  function article(index: number): SampleRecord {
    const random = new Random(stream, index);
    const [adjective, noun] = wordPair(random);
    const created = firstSecond + random.below(twoYearsSeconds);
    const published = random.chance(0.75);
    return {
      id: uuidAt(ids, index),
      slug: `the-${adjective}-${noun}-${index.toString(36)}`,
      title: title(random),
      body: prose(random, options.articleWords),
      author_id: uuidAt(userIds, index % options.users),
      tags: random.chance(0.2) ? undefined : someTags(random),
      status: published ? 'published' : 'draft',
      published_at: published ? timestamp(created + random.below(1_000_000)) : null,
      created_at: random.chance(0.1) ? undefined : timestamp(created),
    };
  }

  function comment(index: number): SampleRecord {
    const random = new Random(stream, index);
    return {
      id: uuidAt(ids, index),
      article_id: uuidAt(articleIds, index % options.articles),
      user_id: uuidAt(userIds, random.below(options.users)),
      body: prose(random, random.between(1, 2 * options.commentWords)),
      created_at: timestamp(firstSecond + random.below(twoYearsSeconds)),
    };
  }

  return { users: user, articles: article, comments: comment }[resource];
}
