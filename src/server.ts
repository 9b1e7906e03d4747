// The process: arguments and environment → config → app → listening; signals and unforeseen errors → graceful close.
// The only place that calls process.exit. The rest is imported once this Node is known to be able to run it.
import { enableCompileCache } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Config } from './config.ts';
import type { Service } from './service.ts';

const oldestNode = 24;
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** `npm start` passes on a Ctrl-C that the terminal has sent us already: one press, two signals. */
const samePressMs = 500;

if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  refuse(
    `Node.js ${process.versions.node} is too old: version ${oldestNode} or newer is needed; start with npm start, which brings its own`,
  );
}
// From the second start on no types need be stripped: a fifth faster, 50 MB smaller. The worker threads find the folder in
// their environment. Where it cannot be written nothing is cached.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url));
enableCompileCache();

const { help, version } = readArguments(process.argv.slice(2));
if (help || version) {
  const { helpText, versionText } = await import('./help.ts');
  process.stdout.write(`${help ? helpText() : versionText()}\n`);
} else {
  await serve();
}

async function serve(): Promise<void> {
  const { explainStartFailure } = await import('./explain-start-failure.ts');
  let config: Config | null = null;
  let service: Service | null = null;
  try {
    config = (await import('./config.ts')).loadConfig();
    const { Service } = await import('./service.ts');
    service = new Service(config);
    endWithSignals(service);
    endWithUnforeseenErrors(service);
    await service.start();
  } catch (error) {
    // What a start stumbles over while it is being stopped is no news; the stop decides how the process ends.
    if (!service?.stopping) refuse(explainStartFailure(error, config));
  }
}

/** The first signal closes gracefully, a second one ends the process at once. */
function endWithSignals(service: Service): void {
  let firstAt: number | null = null;
  const receive = (signal: NodeJS.Signals) => {
    if (firstAt === null) {
      firstAt = performance.now();
      void end(service, signal, 0);
    } else if (performance.now() - firstAt > samePressMs) {
      process.exit(128 + constants.signals[signal]);
    }
  };
  for (const signal of stopSignals) process.on(signal, receive);
}

/** Rejections that nobody handles arrive here too. The state is unknown then: finish what can be finished, and end. */
function endWithUnforeseenErrors(service: Service): void {
  process.on('uncaughtException', (error, origin) => {
    service.reportFatal(error, origin);
    void end(service, origin, 1);
  });
}

async function end(service: Service, cause: string, exitCode: number): Promise<void> {
  const inTime = await service.stop(cause);
  process.exit(inTime ? exitCode : 1);
}

function readArguments(args: string[]): { help?: boolean; version?: boolean } {
  const flag = (short: string) => ({ type: 'boolean', short }) as const;
  try {
    return parseArgs({ args, options: { help: flag('h'), version: flag('v') } }).values;
  } catch (error) {
    const [what] = (error as Error).message.split('. ');
    return refuse(`${what}; the arguments are --help and --version, everything else is set by environment variables`);
  }
}

function refuse(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
