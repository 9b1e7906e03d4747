import type { Test } from 'tap';

/** Sets this process's clock ahead of its machine's, or behind; until the test ends. */
export function shiftClock(t: Pick<Test, 'intercept'>, ms: number): void {
  const machines = Date;
  const now = () => machines.now() + ms;
  t.intercept(globalThis, 'Date', {
    value: new Proxy(machines, {
      construct: (target, given: [] | [number]) => new target(...(given.length === 0 ? ([now()] as const) : given)),
      get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
    }),
  });
}
