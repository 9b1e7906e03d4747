import { readdir } from 'node:fs/promises';
import { formatOfFileName } from './resources/formats.ts';
import { resources } from './resources/index.ts';

export interface SeedFile {
  name: string;
  resource: string;
}

/** The files `seed_<resource>.<ending>` of a folder, parents before children. None when there is no such folder. */
export async function findSeedFiles(folder: URL): Promise<SeedFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return [...resources.keys()].flatMap((resource) => {
    const name = names.find((name) => name.startsWith(`seed_${resource}.`) && formatOfFileName(name).format);
    return name === undefined ? [] : [{ name, resource }];
  });
}
