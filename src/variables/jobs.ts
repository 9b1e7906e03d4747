import { bytes, duration, integer, type Variables } from '../environment.ts';

export const jobs = {
  JOB_CONCURRENCY: {
    group: 'Jobs',
    default: '2',
    description: 'jobs of each kind that run at once',
    parse: integer(1, 100),
  },
  MAX_UNFINISHED_JOBS: {
    group: 'Jobs',
    default: '100',
    description: 'running and waiting jobs of each kind; more are answered with 429',
    parse: integer(1, 1_000_000),
  },
  MAX_UNFINISHED_JOBS_PER_OWNER: {
    group: 'Jobs',
    default: null,
    defaultText: 'half of MAX_UNFINISHED_JOBS',
    description: 'the same, of the API keys of one owner',
    parse: integer(1, 1_000_000),
  },
  MAX_RUNNING_JOBS_PER_OWNER: {
    group: 'Jobs',
    default: null,
    defaultText: 'as JOB_CONCURRENCY',
    description: 'jobs of each kind and owner that run at once, all processes together',
    parse: integer(1, 1_000_000),
  },
  MAX_STORED_SIZE_PER_OWNER: {
    group: 'Jobs',
    default: null,
    defaultText: '100 × MAX_UPLOAD_SIZE',
    description: 'size of the uploads and exported files of one owner together; more are answered with 429',
    parse: bytes(1),
  },
  IDEMPOTENCY_TTL: {
    group: 'Jobs',
    default: '24h',
    description: 'how long an Idempotency-Key is remembered',
    parse: duration(1000),
  },
  JOB_TTL: {
    group: 'Jobs',
    default: '30d',
    description: 'how long a job that has ended is kept, with its row errors; no less than the other TTLs',
    parse: duration(1000),
  },
} as const satisfies Variables;
