// Every benchmark, in the order of performance.md's table.
import type { Benchmark } from '../benchmark.ts';
import exportUsersCsv from './export-users-csv.ts';
import exportUsersNdjson from './export-users-ndjson.ts';
import importArticlesNdjson from './import-articles-ndjson.ts';
import importCommentsNdjson from './import-comments-ndjson.ts';
import importCommentsTriggers from './import-comments-triggers.ts';
import importDuplicates from './import-duplicates.ts';
import importUsersCsv from './import-users-csv.ts';
import importUsersInvalid from './import-users-invalid.ts';
import jobsParallel from './jobs-parallel.ts';
import latency from './latency.ts';
import memoryExport from './memory-export.ts';
import memoryImport from './memory-import.ts';
import neighbourLatency from './neighbour-latency.ts';
import parseComments from './parse-comments.ts';
import parseUsers from './parse-users.ts';
import tenMillion from './ten-million.ts';

export const benchmarks: readonly Benchmark[] = [
  importUsersCsv,
  importArticlesNdjson,
  importCommentsNdjson,
  importCommentsTriggers,
  importUsersInvalid,
  importDuplicates,
  parseUsers,
  parseComments,
  exportUsersCsv,
  exportUsersNdjson,
  memoryImport,
  memoryExport,
  jobsParallel,
  latency,
  neighbourLatency,
  tenMillion,
];
