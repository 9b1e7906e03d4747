// Runs in a thread: one that ends in the middle of its task while a certain file is there, which it takes away.
import { existsSync, rmSync } from 'node:fs';

export default () => {
  const mark = process.env.DIES_ONCE_FOR ?? '';
  if (!existsSync(mark)) return 'read';
  rmSync(mark);
  process.exit(1);
};
