import { useQuery } from './use-query.js';

/** @typedef {import('../types.ts').ResourceList} ResourceList */

/** @type {ResourceList} */
const none = { resources: [], formats: [] };

/** What can be moved, and in which formats; empty until it is known. @returns {ResourceList & { error: Error | null }} */
export function useResources() {
  const { data, error } = useQuery('/v1/resources');
  return { .../** @type {ResourceList} */ (data ?? none), error };
}
