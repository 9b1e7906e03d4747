// Runs in a thread: one that cannot start for as long as a certain file is there.
import { existsSync } from 'node:fs';

if (existsSync(process.env.DIES_WHILE_THERE_IS ?? '')) throw new Error('this thread cannot start');

export default ({ firstRecord }: { firstRecord: number }) => firstRecord;
