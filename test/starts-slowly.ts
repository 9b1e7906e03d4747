// Runs in a thread: one whose start takes a while, and leaves a mark when it is done.
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

await pause(200);
writeFileSync(process.env.MARK_OF_START ?? '', '');

export default () => {};
