// Run by tap before the first test file; see shared-postgres.ts. The parent process is tap itself.
import { enter } from './shared-postgres.ts';

await enter(process.ppid);
