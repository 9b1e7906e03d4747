// Every environment variable that the service reads: the one table behind loadConfig and `--help`.
import type { Variables } from '../environment.ts';
import { access } from './access.ts';
import { database } from './database.ts';
import { files } from './files.ts';
import { imports } from './imports.ts';
import { jobs } from './jobs.ts';
import { server } from './server.ts';
import { traces } from './traces.ts';

/** In the order in which `--help` lists them. */
export const variables = {
  ...server,
  ...access,
  ...database,
  ...files,
  ...imports,
  ...jobs,
  ...traces,
} as const satisfies Variables;
