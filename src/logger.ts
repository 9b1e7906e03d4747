// How the service logs: one JSON object a line on stdout, or coloured lines for people.
import { type DestinationStream, type LoggerOptions, stdTimeFunctions } from 'pino';
import type { Config } from './config.ts';
import { logOutput } from './log-output.ts';

/** Wherever headers end up in a line: `headers`, `req.headers`, `err.headers` … */
const secrets = ['.authorization', '["x-api-key"]', '.cookie'].flatMap((name) => [
  `headers${name}`,
  `*.headers${name}`,
]);

/** For routes that are asked every few seconds: a line about each of their requests would bury the others. */
export function quiet(level: Config['log']['level']): Config['log']['level'] {
  return ['trace', 'debug', 'info'].includes(level) ? 'warn' : level;
}

/** Parameters whose name says that a secret was put where it does not belong; an API key goes into a header. */
const secretParameter = /key|token|secret|passw|auth/i;

function withoutSecrets(url: string): string {
  const [path, ...query] = url.split('?');
  if (query.length === 0) return url;
  const parameters = query.join('?').split('&');
  const shown = parameters.map((parameter) => {
    const [name = ''] = parameter.split('=', 1);
    return secretParameter.test(name) ? `${name}=[not shown]` : parameter;
  });
  return `${path}?${shown.join('&')}`;
}

function censor(value: unknown, path: string[]): unknown {
  return path.at(-1) === 'url' && typeof value === 'string' ? withoutSecrets(value) : '[not shown]';
}

/** The `logger` option of Fastify, which adds its serializers for requests, responses and errors. */
export async function loggerOptions({
  log,
}: Pick<Config, 'log'>): Promise<LoggerOptions & { stream: DestinationStream }> {
  const options: LoggerOptions = {
    level: log.level,
    timestamp: stdTimeFunctions.isoTime,
    redact: { paths: [...secrets, 'req.url'], censor },
  };
  const output = logOutput();
  if (log.format === 'json') return { ...options, stream: output };
  // For people, who start it by hand; elsewhere a start need not load it.
  const { prettyLine } = await import('./pretty-log.ts');
  return { ...options, stream: { ...output, write: (line: string) => output.write(prettyLine(line)) } };
}
