// While the database is away, whoever asks is told that it is: 503 with Retry-After, soon, and the process lives.
import type { ServiceProcess } from '../service-process.ts';

/** Longer than any time-out of a statement or connection that a request waits for. */
const patienceMs = 15_000;

/** @returns what is wrong with the answers, in words. */
export async function findSilent(services: readonly ServiceProcess[]): Promise<string[]> {
  const found = await Promise.all(services.map(async (service) => await askWithoutDatabase(service)));
  return found.flat();
}

async function askWithoutDatabase({ url, child }: ServiceProcess): Promise<string[]> {
  const expected = { '/v1/imports?limit=1': 503, '/health': 503, '/health/live': 200 };
  const wrong: string[] = [];
  for (const [path, status] of Object.entries(expected)) {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(patienceMs) }).catch(
      (error: Error) => error,
    );
    // It was in the middle of its end, by an earlier fault.
    if (child.exitCode !== null || child.signalCode !== null) return [];
    if (answer instanceof Error) wrong.push(`without a database ${path} is not answered: ${answer.message}`);
    else if (answer.status !== status) wrong.push(`without a database ${path} is answered ${answer.status}`);
    else if (path.startsWith('/v1') && !answer.headers.has('retry-after'))
      wrong.push(`without a database ${path} is answered without Retry-After`);
  }
  return wrong;
}
