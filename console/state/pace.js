// How fast a job goes at present, and how long it will take: from what it told in the last seconds.
import { useRef } from 'preact/hooks';

const windowMs = 8_000;
/** Shorter spans tell more of the network than of the job. */
const leastMs = 400;

/**
 * @typedef {object} Pace
 * @property {number | null} recordsPerSecond
 * @property {number | null} secondsLeft
 */

/**
 * @param {{ job_id: string, processed: number, bytes_processed: number, bytes_total: number } | null} job
 * @returns {Pace}
 */
export function usePace(job) {
  const samples = useRef(/** @type {{ id: string, at: number, records: number, bytes: number }[]} */ ([]));
  if (!job) return { recordsPerSecond: null, secondsLeft: null };
  const now = performance.now();
  const known = samples.current.filter(({ id, at }) => id === job.job_id && now - at < windowMs);
  const last = samples.current.at(-1);
  if (last?.id !== job.job_id || last.records !== job.processed || last.bytes !== job.bytes_processed) {
    known.push({ id: job.job_id, at: now, records: job.processed, bytes: job.bytes_processed });
  }
  samples.current = known;
  const [first] = known;
  const seconds = first ? (now - first.at) / 1000 : 0;
  if (!first || seconds * 1000 < leastMs) return { recordsPerSecond: null, secondsLeft: null };
  const bytesPerSecond = (job.bytes_processed - first.bytes) / seconds;
  return {
    recordsPerSecond: Math.round((job.processed - first.records) / seconds),
    secondsLeft: bytesPerSecond > 0 ? Math.ceil((job.bytes_total - job.bytes_processed) / bytesPerSecond) : null,
  };
}
