// What was chosen on the export form → the API's two ways of saying it.

/**
 * @typedef {object} FilterChoice
 * @property {number} id tells the rows of the form apart
 * @property {string} field
 * @property {string} operator
 * @property {string} value
 */

/**
 * @typedef {object} ExportChoices
 * @property {string} format
 * @property {string[]} left columns that are left out
 * @property {FilterChoice[]} filters
 * @property {string} sort name of a field, after a - for descending; empty: none
 * @property {string} limit as typed
 * @property {boolean} gzip
 */

/**
 * Conditions whose value is not typed yet select nothing, and are left out.
 * @param {FilterChoice[]} filters
 */
const complete = (filters) => filters.filter(({ value }) => value.trim() !== '');

/**
 * @param {string} resource
 * @param {string[]} fields of the resource
 * @param {ExportChoices} choices
 */
export function queryOf(resource, fields, { format, left, filters, sort, limit }) {
  const query = new URLSearchParams({ resource, format });
  if (left.length > 0) query.set('fields', fields.filter((field) => !left.includes(field)).join(','));
  for (const { field, operator, value } of complete(filters)) {
    query.append(operator === 'eq' ? field : `${field}[${operator}]`, value.trim());
  }
  if (sort !== '') query.set('sort', sort);
  if (limit.trim() !== '') query.set('limit', limit.trim());
  return query.toString();
}

/**
 * @param {string} resource
 * @param {string[]} fields of the resource
 * @param {ExportChoices} choices
 */
export function jobRequestOf(resource, fields, { format, left, filters, sort, limit, gzip }) {
  /** @type {Record<string, Record<string, string>>} */
  const conditions = {};
  for (const { field, operator, value } of complete(filters)) {
    conditions[field] = { ...conditions[field], [operator]: value.trim() };
  }
  return {
    resource,
    format,
    ...(left.length > 0 && { fields: fields.filter((field) => !left.includes(field)) }),
    ...(Object.keys(conditions).length > 0 && { filters: conditions }),
    ...(sort !== '' && { sort }),
    ...(limit.trim() !== '' && { limit: Number(limit) }),
    ...(gzip && { compression: 'gzip' }),
  };
}
