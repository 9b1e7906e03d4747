import { bytes, choice, duration, integer, text, type Variables } from '../environment.ts';

const day = 86_400_000;

export const server = {
  HOST: {
    group: 'Server',
    default: '127.0.0.1',
    description: 'address to listen on; localhost is 127.0.0.1, or ::1 where there is no IPv4',
    parse: text(/^[\w.:%-]+$/, 'an address or host name'),
  },
  PORT: {
    group: 'Server',
    default: '8080',
    description: 'port to listen on; 0 picks a free one and logs it',
    parse: integer(0, 65_535),
  },
  LOG_LEVEL: {
    group: 'Server',
    default: 'info',
    description: 'least severe level that is logged',
    parse: choice('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  },
  LOG_FORMAT: {
    group: 'Server',
    default: 'json',
    description: 'json for machines, pretty for people',
    parse: choice('json', 'pretty'),
  },
  MAX_EVENT_LOOP_DELAY: {
    group: 'Server',
    default: '1s',
    description: 'mean delay of the event loop past which requests are answered with 503',
    parse: duration(10, day),
  },
  CLIENT_STALL_TIMEOUT: {
    group: 'Server',
    default: '60s',
    description: 'how long a client may send nothing of its request, or take nothing of its answer',
    parse: duration(100, day),
  },
  CLIENT_MIN_RATE: {
    group: 'Server',
    default: '1KiB',
    description: 'bytes a second that a client must send or take on the average of CLIENT_STALL_TIMEOUT; 0: any',
    parse: bytes(0),
  },
  MAX_EVENT_STREAMS: {
    group: 'Server',
    default: '200',
    description: 'open streams of job events; an API key may have half of them. More are answered with 429',
    parse: integer(1, 1_000_000),
  },
  SHUTDOWN_TIMEOUT: {
    group: 'Server',
    default: '30s',
    description: 'how long a stop may take before what still runs is cut off',
    // Timers reach 24 days.
    parse: duration(100, 24 * day),
  },
} as const satisfies Variables;
