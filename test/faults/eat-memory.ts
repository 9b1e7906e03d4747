// A worker thread's work that takes more memory than the thread may have.
export default function eatMemory(): number {
  const eaten: number[][] = [];
  for (;;) eaten.push(new Array(1_000_000).fill(eaten.length + 0.5));
}
