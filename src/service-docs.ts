// What the routes about the service itself answer, and what the OpenAPI document says of them.
import { Type } from 'typebox';
import type { RouteDocs, Schema } from './openapi/route-docs.ts';

const Time = Type.String({ format: 'date-time' });
const Count = Type.Integer({ minimum: 0 });
const service = { timestamp: Time, service: Type.String(), version: Type.String() };
const Status = Type.Enum(['up', 'down']);

export const HealthSchema = Type.Object(
  {
    status: Type.Enum(['healthy', 'unhealthy']),
    ...service,
    checks: Type.Object({
      database: Type.Object({ status: Status, latency_ms: Type.Optional(Type.Number({ minimum: 0 })) }),
      storage: Type.Object({ status: Status, free_bytes: Type.Optional(Count) }),
      queue: Type.Object({ status: Status, running_jobs: Type.Optional(Count) }),
      workers: Type.Object({ status: Status, threads: Count, waiting_chunks: Count }),
    }),
  },
  { title: 'Health' },
);
export const LivenessSchema = Type.Object({ status: Type.Literal('alive'), ...service }, { title: 'Liveness' });

export const RowCountsSchema = Type.Object(
  {
    database: Type.Record(Type.String(), Count, { description: 'Resource → rows.' }),
    estimated: Type.Optional(
      Type.Array(Type.String(), {
        description:
          "Those whose rows were not counted, because there are too many, or it would take too long, as while somebody has locked the table: PostgreSQL's estimate.",
      }),
    ),
    timestamp: Time,
  },
  { title: 'RowCounts' },
);

export const ProblemCodeSchema = Type.Object(
  { type: Type.String(), code: Type.String(), status: Type.Integer(), title: Type.String() },
  { title: 'ProblemCode' },
);
export const ProblemParams = Type.Object({ code: Type.String({ description: 'The `code` of a problem.' }) });

const text: Schema = { type: 'string' };

export const serviceDocs = {
  health: {
    operationId: 'getHealth',
    tag: 'Service',
    summary: 'Can it do its work?',
    description: 'Checks database, storage, queue and worker threads; answers within two seconds.',
    responses: {
      200: { description: 'All checks are `up`.' },
      503: { description: 'One of them is `down`.' },
    },
    problems: [],
  },
  live: {
    operationId: 'getLiveness',
    tag: 'Service',
    summary: 'Does it run at all?',
    description: 'For those who restart the process; never looks at the database.',
    responses: { 200: { description: 'It runs.' } },
    problems: [],
  },
  metrics: {
    operationId: 'getMetrics',
    tag: 'Service',
    summary: 'Rows per resource, or figures for Prometheus',
    description:
      'JSON by default. Prometheus asks by `Accept` for `text/plain` (0.0.4) or OpenMetrics (1.0.0): those figures are of everybody, and need an API key without an owner.',
    responses: {
      200: {
        description: 'The figures.',
        content: {
          'text/plain; version=0.0.4; charset=utf-8': text,
          'application/openmetrics-text; version=1.0.0; charset=utf-8': text,
        },
      },
    },
    problems: [],
  },
  resources: {
    operationId: 'listResources',
    tag: 'Service',
    summary: 'What can be imported and exported',
    description: 'The resources with the rules of their fields, and the file formats.',
    responses: { 200: { description: 'Resources and formats.' } },
    problems: [],
  },
  overview: {
    operationId: 'getOverview',
    tag: 'Service',
    summary: 'Rows, jobs, throughput and health at one glance',
    description: 'Rows and health are those of the service; jobs and throughput those that the API key may see.',
    responses: { 200: { description: 'The state of the service.' } },
    problems: [],
  },
  problem: {
    operationId: 'explainProblem',
    tag: 'Service',
    summary: 'What a problem code means',
    description: 'The `type` of a problem leads here.',
    responses: { 200: { description: 'The code with its status and title.' } },
    problems: ['not_found'],
  },
} as const satisfies Record<string, RouteDocs>;

export const openApiDocs: RouteDocs = {
  operationId: 'getOpenApi',
  tag: 'Service',
  summary: 'This document',
  description: 'OpenAPI 3.1; for people there is `/docs`.',
  responses: { 200: { description: 'The document.', content: { 'application/json': { type: 'object' } } } },
  problems: [],
};
