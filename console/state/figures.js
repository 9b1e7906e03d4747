// Figures as people read them. Digits are grouped in the one way that this page's language has, whatever the browser's.
const counts = new Intl.NumberFormat('en');
const times = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** @param {number} number */
export const formatCount = (number) => counts.format(number);

/** With a digit behind the point where that says more. @param {number} perSecond */
export const formatSpeed = (perSecond) =>
  counts.format(perSecond < 10 ? Math.ceil(perSecond * 10) / 10 : Math.round(perSecond));

/**
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export const countOf = (number, one, many = `${one}s`) => `${formatCount(number)} ${number === 1 ? one : many}`;

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes < 1000) return countOf(bytes, 'byte');
  for (const [unit, size] of /** @type {const} */ ([
    ['kB', 1e3],
    ['MB', 1e6],
    ['GB', 1e9],
  ])) {
    if (bytes < size * 1000 || unit === 'GB') return `${(bytes / size).toFixed(bytes < size * 100 ? 1 : 0)} ${unit}`;
  }
  return '';
}

/** @param {number} ms */
export function formatDuration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {string} time RFC 3339 */
export const formatTime = (time) => times.format(new Date(time));

/** @param {string | number} time */
export const formatClock = (time) => clock.format(new Date(time));

/** @param {string} time RFC 3339 */
export function formatAge(time) {
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  for (const [unit, size] of /** @type {const} */ ([
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ])) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return Math.abs(seconds) < 5 ? 'now' : relative.format(Math.round(seconds), 'second');
}
