// Reads a folder of definition files. What the types of resource.ts cannot say is checked here, once at start, so that
// nobody downstream has to ask: names are SQL identifiers, keys can be compared as lines of text, references lead to a
// resource and never in a circle.
import { readdir } from 'node:fs/promises';
import { type Field, isRequired, type Resource, referencesOf } from './resource.ts';

/**
 * @param folder ends in a slash. Its files without a default export are no definitions and are passed over.
 * @returns the resources by name; parents before their children, otherwise in the order of the alphabet.
 * @throws Error that names the resource and what is wrong with it.
 */
export async function loadResources(folder: URL): Promise<ReadonlyMap<string, Resource>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts') && file !== 'index.ts').sort();
  const modules: { default?: Resource }[] = await Promise.all(files.map((file) => import(new URL(file, folder).href)));
  const found = new Map<string, Resource>();
  for (const { default: resource } of modules) {
    if (!resource) continue;
    if (found.has(resource.name)) throw new Error(`there are two resources named ${resource.name}`);
    checkNames(resource);
    checkKeys(resource);
    checkDefaults(resource);
    found.set(resource.name, resource);
  }
  for (const resource of found.values()) checkReferences(resource, found);
  return inOrder(found);
}

function checkNames({ name, fields }: Resource): void {
  for (const one of [name, ...Object.keys(fields)]) {
    // `constructor` and its like would be found in every object.
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(one) || one in {}) throw new Error(`${name}: '${one}' cannot be a name`);
  }
}

/** Keys travel and are compared as lines of text, NULL as an empty one. */
function checkKeys({ name, fields, keys }: Resource): void {
  for (const key of keys) {
    const field = fields[key] as Field;
    if (!['uuid', 'email', 'slug'].includes(field.type) || !isRequired(field)) {
      throw new Error(`${name}.${key} is a key: it must be a uuid, email or slug without default`);
    }
  }
}

function checkDefaults({ name, fields }: Resource): void {
  for (const [key, field] of Object.entries(fields)) {
    if (field.type === 'enum' && field.default !== undefined && !field.values.includes(field.default)) {
      throw new Error(`${name}.${key} has the default '${field.default}', which is not among its values`);
    }
    if (field.type !== 'timestamp' || typeof field.default !== 'object' || field.default === null) continue;
    const source = fields[field.default.field];
    if (source?.type !== 'timestamp' || !isRequired(source)) {
      throw new Error(
        `${name}.${key} takes its default from ${field.default.field}: that must be a required timestamp`,
      );
    }
  }
}

function checkReferences(resource: Resource, found: ReadonlyMap<string, Resource>): void {
  for (const reference of referencesOf(resource)) {
    const parent = found.get(reference.resource);
    if (!parent)
      throw new Error(`${resource.name}.${reference.field} refers to ${reference.resource}: no such resource`);
    if (parent === resource)
      throw new Error(`${resource.name}.${reference.field} refers to its own resource, which imports cannot follow`);
    if (parent.keys[0] !== 'id' || parent.fields.id?.type !== 'uuid') {
      throw new Error(
        `${resource.name}.${reference.field} refers to ${parent.name}, whose primary key is not a uuid 'id'`,
      );
    }
  }
}

function inOrder(found: ReadonlyMap<string, Resource>): Map<string, Resource> {
  const ordered = new Map<string, Resource>();
  const waiting = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  while (waiting.length > 0) {
    const next = waiting.findIndex((resource) => referencesOf(resource).every((to) => ordered.has(to.resource)));
    const [resource] = next < 0 ? [] : waiting.splice(next, 1);
    if (!resource) throw new Error(`${waiting.map(({ name }) => name).join(', ')} refer to each other in a circle`);
    ordered.set(resource.name, resource);
  }
  return ordered;
}
