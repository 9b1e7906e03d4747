// LOG_FORMAT=pretty: coloured lines for people. pino-pretty writes messages, errors and some values as they are; whatever
// came from outside in these is made visible first, or it would forge lines and command the terminal.
import { prettyFactory } from 'pino-pretty';
import { withVisibleControls } from './visible-text.ts';

const prettify = prettyFactory({
  colorize: process.stdout.isTTY,
  translateTime: 'SYS:HH:MM:ss.l',
  ignore: 'pid,hostname',
  singleLine: true,
});

/** @param line as pino writes it: one JSON object. */
export function prettyLine(line: string): string {
  return prettify(JSON.parse(line, makeVisible)) ?? '';
}

function makeVisible(name: string, value: unknown): unknown {
  // The lines of a stack are indented, so that none of them looks like one of the log.
  if (typeof value === 'string') return withVisibleControls(value, name === 'stack' ? '\n' : '');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [withVisibleControls(key), member]));
}
