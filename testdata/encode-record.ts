// Records as text: a line of CSV (RFC 4180; a list as a JSON array in its cell). No line break at the end.
import type { SampleRecord } from './valid-records.ts';

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : Array.isArray(value) ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvHeader(record: SampleRecord): string {
  return Object.keys(record).join(',');
}

export function csvLine(record: SampleRecord): string {
  return Object.values(record).map(cell).join(',');
}
