import { collectDefaultMetrics, Registry } from 'prom-client';

let registry: Registry | undefined;

/**
 * CPU, memory, handles, garbage collection and event-loop delay. They belong to the process, and their observers can
 * never be taken away again: there is one of them however many apps a process (a test's, say) builds.
 */
export function processMetrics(): Registry {
  if (!registry) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
