// Lines for people: whatever came from outside can be seen in them, and neither forges a line nor commands the terminal.
import pino from 'pino';
import t from 'tap';
import { prettyLine } from '../src/pretty-log.ts';

const hostile = 'x\r\n\u001b[2J[12:00:00.000] INFO: forged\u0007\u009b31m\u2028\u202e';

/** What a call of the logger writes. */
function written(log: (logger: pino.Logger) => void): string {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(prettyLine(line));
  log(pino({ timestamp: pino.stdTimeFunctions.isoTime }, { write }));
  return lines.join('');
}

t.test('a hostile message, value, name or error is one line without a character that a terminal obeys', async (t) => {
  const error = Object.assign(new Error(hostile), { code: hostile, [hostile]: { [hostile]: [hostile] } });
  error.name = hostile;
  const cases: Record<string, (logger: pino.Logger) => void> = {
    message: (logger) => logger.info(hostile),
    value: (logger) =>
      logger.info({ file_name: hostile, nested: { deeper: [hostile, { [hostile]: hostile }] } }, 'said'),
    name: (logger) => logger.info({ [hostile]: hostile }, 'said'),
    level: (logger) => logger.info({ level: hostile, time: hostile, caller: hostile }, 'said'),
    error: (logger) => logger.error({ err: error }, 'said'),
    'error alone': (logger) => logger.error(error),
    'what is no object': (logger) => logger.info([hostile], hostile),
  };
  for (const [what, log] of Object.entries(cases)) {
    const said = written(log);
    t.notMatch(said, /[\p{Cc}\u2028-\u202e](?<!\n)/u, what);
    for (const line of said.trimEnd().split('\n').slice(1))
      t.match(line, /^ {4}/, `${what}: a further line is indented`);
    t.match(said, '\\u001b[2J', `${what}: what was there can be seen`);
  }
});

t.test('what is harmless is shown as it is', async (t) => {
  const said = written((logger) => logger.info({ file_name: 'Überblick "1" \\ 表.csv', bytes: 5 }, 'Import accepted'));
  t.match(said, /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: Import accepted \{.*Überblick \\"1\\" \\ 表\.csv.*\}\n$/);
  const stack = written((logger) => logger.error(new Error('lost')));
  t.match(stack, /lost/);
  t.ok(stack.trimEnd().split('\n').length > 2, 'a stack has its lines');
});
