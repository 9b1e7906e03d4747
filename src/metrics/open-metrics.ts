/**
 * Prometheus text format 0.0.4 → OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/): a counter's
 * family goes without the `_total` of its samples, there are no blank lines, and the end is marked. Done here because
 * prom-client 15 renames the counters for good when it writes OpenMetrics, and its next text has them wrong.
 */
export function toOpenMetrics(text: string): string {
  const counters = [...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map(([, name]) => name);
  const names = new Set(counters);
  const families = text.replace(/^(# (?:HELP|TYPE) )(\S+)_total /gm, (line, start: string, name: string) =>
    names.has(name) ? `${start}${name} ` : line,
  );
  return `${families.replace(/\n{2,}/g, '\n').trimEnd()}\n# EOF\n`;
}
