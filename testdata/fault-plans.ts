// How many records of each faulty file break which rules. From these numbers follow the figures that the three files
// are known by; test/testdata.test.ts counts them again, and so does an import.

import {
  badPublishedAt,
  blank,
  brokenJson,
  type Change,
  draftByDefault,
  draftWithDate,
  duplicate,
  longestBody,
  malformedUuid,
  missing,
  missingColumns,
  noSuchParent,
  notDate,
  oneOf,
  otherTimestamp,
  padded,
  plainQuote,
  reclaimed,
  tooLong,
  tooManyWords,
  unquotedComma,
  unusualEmail,
  upperCase,
} from './faults.ts';
import { unusualNames } from './phrases.ts';
import type { ResourceName } from './valid-records.ts';

export interface FaultPlan {
  records: number;
  /** How many records have these faults, all of them at once. */
  faults: [records: number, ...Change[]][];
  /** How many of the other records are unusual, and load. */
  twists: [records: number, Change][];
}

const badEmail = oneOf('email', ['foo@bar', 'foo@bar', 'foo@bar', 'no-at.example.com', 'two words@example.com']);
const badRole = oneOf('role', ['manager', 'reader']);
const badActive = oneOf('active', ['yes', 'no', '1', 'enabled']);
const badSlug = oneOf('slug', ['Not A Slug', 'under_scored_slug', 'UPPER-CASE', 'slug with blanks', 'tips&tricks']);
const badStatus = oneOf('status', ['archived', 'pending', 'Published!']);

/** 10,000 records: 6,767 with 7,086 faults. */
const users: FaultPlan = {
  records: 10_000,
  faults: [
    [2610, badRole],
    [1430, missing('id')],
    [1190, badEmail],
    [310, missing('email')],
    [290, missing('name')],
    [60, blank('name')],
    [170, malformedUuid('id')],
    [160, badActive],
    [110, missing('created_at')],
    [70, notDate('created_at')],
    [5, tooLong('name', 255)],
    [16, unquotedComma],
    [9, missingColumns],
    [19, duplicate('email', { anyCase: true })],
    [8, duplicate('id', { anyCase: true })],
    [140, missing('id'), badRole],
    [95, badEmail, badRole],
    [46, missing('name'), badEmail],
    [20, malformedUuid('id'), notDate('updated_at')],
    [9, missing('id'), badEmail, badRole],
  ],
  twists: [
    [20, oneOf('name', unusualNames)],
    [
      20,
      oneOf('name', ['Front Desk\r\nFirst Floor', 'a, "b", c\nd', '"', ',', '\u00a0\u2009x', 'e\u0301galite\u0301']),
    ],
    [
      10,
      oneOf('name', [
        '  two blanks first',
        'N/A',
        'NULL',
        '\\N',
        '\\.',
        'back\\slash',
        "Robert'); DROP TABLE users;--",
      ]),
    ],
    [15, plainQuote],
    [5, oneOf('name', ['é'.repeat(255), '狐'.repeat(255)])],
    [20, padded('id', 'email', 'role', 'created_at')],
    [20, upperCase('id')],
    [20, otherTimestamp('created_at')],
    [20, unusualEmail],
    [20, oneOf('active', [undefined])],
    [15, reclaimed('email')],
    [5, reclaimed('id')],
  ],
};

/** 15,000 records: 3,845 with 4,083 faults. */
const articles: FaultPlan = {
  records: 15_000,
  faults: [
    [730, missing('id')],
    [520, duplicate('slug', { anyCase: false })],
    [14, duplicate('id', { anyCase: true })],
    [430, noSuchParent('author_id')],
    [290, malformedUuid('author_id')],
    [60, missing('author_id')],
    [330, badSlug],
    [110, missing('slug')],
    [270, missing('title')],
    [310, missing('body')],
    [30, blank('body')],
    [250, badStatus],
    [94, draftWithDate],
    [90, badPublishedAt],
    [31, oneOf('tags', ['news', { first: 'news' }, 7])],
    [20, oneOf('title', [2024, true, ['A', 'title']])],
    [5, tooLong('title', 500)],
    [25, brokenJson],
    [5, oneOf('title', ['A \u0000 in the title', 'Half a pair \ud83e'])],
    [120, missing('id'), missing('title')],
    [64, badSlug, missing('body')],
    [40, malformedUuid('author_id'), badStatus],
    [7, missing('id'), badSlug, badStatus],
  ],
  twists: [
    [30, oneOf('title', ['12" pipe, 3/4" valve', 'It\'s "quoted"', 'Tab\tand\\backslash', 'Überschrift', '見出し 🦉'])],
    [
      30,
      oneOf('body', [
        'First line\nSecond line\n\nThird',
        'CR\r\nLF',
        '\\N',
        '\\.',
        '{"not": "parsed"}',
        ' led by a blank',
      ]),
    ],
    [20, oneOf('tags', [null, [], ['a,b', 'c"d', '{e}', 'NULL', '\\', '']])],
    [20, upperCase('author_id')],
    [20, otherTimestamp('created_at')],
    [20, oneOf('unknown_property', ['ignored', { a: [1] }])],
    [4, oneOf('title', ['é'.repeat(500)])],
    [20, draftByDefault],
    [20, reclaimed('slug')],
    [5, reclaimed('id')],
  ],
};

/** 20,000 records: 895 with 930 faults. */
const comments: FaultPlan = {
  records: 20_000,
  faults: [
    [430, malformedUuid('article_id')],
    [217, missing('body')],
    [10, blank('body')],
    [128, tooManyWords('body', 500)],
    [30, noSuchParent('user_id')],
    [6, malformedUuid('user_id')],
    [20, missing('id')],
    [7, notDate('created_at')],
    [8, duplicate('id', { anyCase: true })],
    [4, brokenJson],
    [15, malformedUuid('article_id'), missing('body')],
    [12, malformedUuid('article_id'), tooManyWords('body', 500)],
    [8, missing('body'), notDate('created_at')],
  ],
  twists: [
    [
      30,
      oneOf('body', [
        'Line one\nline two',
        '👍',
        "Don't; it's fine.",
        'Großartig!',
        'とても良い',
        '"',
        'null',
        '\\N',
        'x',
      ]),
    ],
    [5, longestBody],
    [20, upperCase('article_id')],
    [20, otherTimestamp('created_at')],
    [5, reclaimed('id')],
  ],
};

export const faultPlans: Record<ResourceName, FaultPlan> = { users, articles, comments };

/** Enough for a benchmark: one fault per record, from that record alone. */
export const plainFaults: Record<ResourceName, readonly Change[]> = {
  users: [missing('id'), badEmail, badRole, notDate('created_at')],
  articles: [missing('id'), badSlug, malformedUuid('author_id'), badStatus],
  comments: [missing('id'), malformedUuid('article_id'), missing('body'), notDate('created_at')],
};
