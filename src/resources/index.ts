// The registry: every definition file of this folder, found by looking. A resource is added by adding its file.
import { loadResources } from './load-resources.ts';
import type { Resource } from './resource.ts';

/** By name; parents before their children, otherwise in the order of the alphabet. */
export const resources: ReadonlyMap<string, Resource> = await loadResources(new URL('.', import.meta.url));

/** @throws Error when there is none of that name: whatever a client sent has been checked before. */
export function resourceNamed(name: string): Resource {
  const resource = resources.get(name);
  if (!resource) throw new Error(`there is no resource '${name}'`);
  return resource;
}
