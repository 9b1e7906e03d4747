// Reads the report of `npm audit --json` on stdin. npm exits with 1 for a vulnerability as well as for a registry that
// does not answer: this tells them apart. Exits with 1 for anything but a clean report, except that an endpoint which
// is not there, or cannot be reached, is only said aloud.
import { json } from 'node:stream/consumers';

interface AuditReport {
  vulnerabilities?: Record<
    string,
    { severity: string; range: string; via: (string | { title: string; url: string })[] }
  >;
  /** Of a request that failed; with a status when there was an answer at all. */
  message?: string;
  statusCode?: number;
  error?: { code?: string; summary?: string };
}

/** Statuses by which a registry, or what stands before it, says that it has no audits, or none at the moment. */
const absent = [404, 405, 410, 429, 500, 501, 502, 503, 504];

const report = (await json(process.stdin)) as AuditReport;
const found = Object.entries(report.vulnerabilities ?? {});

if (report.vulnerabilities) {
  for (const [name, { severity, range, via }] of found) {
    const why = via.map((cause) => (typeof cause === 'string' ? cause : `${cause.title} (${cause.url})`)).join('; ');
    console.log(`npm audit: ${name} ${range}, ${severity}: ${why}`);
  }
  console.log(`npm audit: ${found.length} packages with known vulnerabilities`);
  process.exitCode = found.length > 0 ? 1 : 0;
} else if (report.message && !report.error?.code && (!report.statusCode || absent.includes(report.statusCode))) {
  console.log(`npm audit: NOT CHECKED, the registry's audit endpoint cannot be reached: ${report.message}`);
} else {
  console.log(`npm audit: failed: ${report.error?.summary || report.message || 'no report'}`);
  process.exitCode = 1;
}
