// What is done to single records of the faulty files. A fault breaks exactly one rule of the resource; a twist makes the
// record unusual, and it must still load. Both change the record in place, or return the line as it shall stand in the
// file where no record could be encoded to it.
import { csvLine } from './encode-record.ts';
import { words } from './phrases.ts';
import { type Random, uuidAt } from './random.ts';
import type { SampleRecord } from './valid-records.ts';

/** What a change may look at. */
export interface Surroundings {
  random: Random;
  /** The records of this file, so far, that load. */
  accepted: readonly SampleRecord[];
  /** Rejected records of this file whose unique fields are intact: they claim nothing, so another record may have them. */
  unclaimed: SampleRecord[];
  /** Ids of parents that were rejected. */
  rejectedParents: readonly string[];
}

// biome-ignore lint/suspicious/noConfusingVoidType: most changes work in place and return nothing.
export type Change = (record: SampleRecord, around: Surroundings) => string | void;

const notUuids = ['12345', 'not-a-uuid', '550e8400-e29b-41d4-a716', 'g50e8400-e29b-41d4-a716-446655440000', 'null'];
const notDates = ['yesterday', '01/02/2024', '2024-13-01T00:00:00Z', '2024-02-30T12:00:00Z', '2024-05-01 10:00:00'];

export function missing(field: string): Change {
  return (record, { random }) => {
    record[field] = random.pick([undefined, null, '']);
  };
}

export function blank(field: string): Change {
  return (record, { random }) => {
    record[field] = random.pick([' ', '   ', '\t', ' \n ']);
  };
}

export function oneOf(field: string, values: readonly unknown[]): Change {
  return (record, { random }) => {
    record[field] = random.pick(values);
  };
}

export function malformedUuid(field: string): Change {
  return oneOf(field, notUuids);
}

export function notDate(field: string): Change {
  return oneOf(field, notDates);
}

export function tooLong(field: string, maxLength: number): Change {
  return (record, { random }) => {
    record[field] = 'Long '
      .repeat(maxLength)
      .slice(0, maxLength + random.between(1, 20))
      .trimEnd()
      .padEnd(maxLength + 1, '.');
  };
}

export function tooManyWords(field: string, maxWords: number): Change {
  return (record, { random }) => {
    record[field] = words(random, maxWords + random.between(1, 30));
  };
}

/** The value of an earlier record that loads; written with capitals now and then where case does not count. */
export function duplicate(field: string, options: { anyCase: boolean }): Change {
  return (record, { random, accepted }) => {
    const value = random.pick(accepted)[field] as string;
    record[field] = options.anyCase && random.chance(0.4) ? value.toUpperCase() : value;
  };
}

/** A well-formed id that no record has, or whose record was rejected. */
export function noSuchParent(field: string): Change {
  return (record, { random, rejectedParents }) => {
    record[field] = random.chance(0.3) ? uuidAt(random.below(0xffff_ffff), 0) : random.pick(rejectedParents);
  };
}

/** A comma in a name without quotes around it: one column too many. */
export const unquotedComma: Change = (record, { random }) => {
  const name = `${record.name}`.replace(/[",\n]/g, '');
  return csvLine({ ...record, name: 'NAME' }).replace('NAME', `${name}, ${random.pick(['Ltd.', 'Inc.', 'Store 2'])}`);
};

/** Fewer columns than the header. */
export const missingColumns: Change = (record, { random }) => {
  const fields = Object.entries({ ...record, name: 'Short Line' });
  return csvLine(Object.fromEntries(fields.slice(0, random.between(2, fields.length - 1))));
};

export const draftWithDate: Change = (article) => {
  article.status = 'draft';
  article.published_at = '2024-02-09T09:00:00Z';
};

/** A published article, so that the date is all that is wrong. */
export const badPublishedAt: Change = (article, { random }) => {
  article.status = 'published';
  article.published_at = random.pick(notDates);
};

/** Cut off, single quotes, a comma too many. */
export const brokenJson: Change = (record, { random }) => {
  const json = JSON.stringify(record);
  return random.pick([json.slice(0, -random.between(1, 40)), json.replaceAll('"', "'"), json.replace(/}$/, ',}')]);
};

// Twists

/** Has the unique field of a record that was rejected before it. */
export function reclaimed(field: string): Change {
  return (record, { unclaimed }) => {
    const rejected = unclaimed.pop();
    if (!rejected) throw new Error(`no rejected record to take the ${field} from`);
    record[field] = rejected[field];
  };
}

export function upperCase(field: string): Change {
  return (record) => {
    record[field] = `${record[field]}`.toUpperCase();
  };
}

/** Blanks around what a CSV trims. */
export function padded(...fields: string[]): Change {
  return (record) => {
    for (const field of fields) record[field] = ` ${record[field]} `;
  };
}

/** With an offset, or a fraction of a second. */
export function otherTimestamp(field: string): Change {
  return (record, { random }) => {
    const given = record[field] ?? '2024-06-01T08:00:00Z';
    record[field] = `${given}`.replace('Z', random.pick(['+02:00', '-05:30', '.5Z', '.123Z', '.123456+00:00']));
  };
}

/** A quote within a field that is not quoted is plain text. */
export const plainQuote: Change = (record, { random }) =>
  csvLine({ ...record, name: 'NAME' }).replace('NAME', `${random.between(2, 12)}" Pipe & Fittings`);

/** A plus sign, an apostrophe, a subdomain, capitals. */
export const unusualEmail: Change = (user, { random }) => {
  const email = `${user.email}`;
  const [local, domain] = email.split('@');
  user.email = random.pick([`${local}+news@${domain}`, `o'${email}`, `${local}@mail.${domain}`, `Desk.${email}`]);
};

/** No status at all is a draft. */
export const draftByDefault: Change = (article) => {
  article.status = undefined;
  article.published_at = null;
};

/** As long as a comment may be, with more than one blank between words. */
export const longestBody: Change = (comment, { random }) => {
  comment.body = words(random, 500).replaceAll(' line ', '  line\n\n');
};
