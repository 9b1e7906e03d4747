// Run by tap after the last test file; see shared-postgres.ts. The parent process is tap itself.
import { leave } from './shared-postgres.ts';

await leave(process.ppid);
