// What the service refuses of an export, in the words of the form: its own are for those who write requests by hand.
import { ApiProblem } from '../../api/request.js';

/** @type {Record<string, string>} */
const expected = {
  uuid: 'an id such as 00000000-0000-4000-8000-000000000000',
  email: 'an e-mail address',
  slug: 'lowercase letters, numbers and hyphens',
  text: 'a text',
  boolean: 'true or false',
  timestamp: 'a date such as 2024-01-31, or a date and time such as 2024-01-31T12:00:00Z',
  'text[]': 'a list such as ["first","second"]',
};

/**
 * @param {Error | null} error
 * @param {import('../../types.ts').Field[]} fields of the resource
 * @param {import('./selection.js').FilterChoice[]} filters
 * @returns {{ title: string, error: Error | null }}
 */
export function explainRefusal(error, fields, filters) {
  const title = 'These filters do not work';
  if (!(error instanceof ApiProblem)) return { title: 'The records cannot be counted', error };
  if (error.field === 'limit') {
    return { title: 'This limit does not work', error: new Error('“At most” takes a whole number, 1 or more') };
  }
  const field = fields.find(({ name }) => name === error.field);
  if (error.code !== 'invalid_filter' || !field) return { title: 'The records cannot be counted', error };
  const { name, type, values } = field;
  const comparisons = filters.filter((filter) => filter.field === name && filter.value.trim() !== '');
  if (new Set(comparisons.map(({ operator }) => operator)).size < comparisons.length) {
    const advice = type === 'text[]' ? '' : ', and “is one of” for several values';
    return { title, error: new Error(`Two filters compare ${name} in the same way: keep one of them${advice}`) };
  }
  const value = values ? `one of: ${values.join(', ')}` : (expected[type] ?? 'another value');
  const each = comparisons.some(({ operator }) => operator === 'in') ? ', each of several separated by a comma' : '';
  return { title, error: new Error(`The filter on ${name} takes ${value}${each}`) };
}
