// Timestamps: RFC 3339 section 5.6, narrowed to what PostgreSQL stores and an export gives back: no second 60, offsets
// below 16 hours, instants within the years 1 to 9999 of UTC.

const daysInMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const [zero, plus, hyphen, dot, colon, capitalT, capitalZ] = [48, 43, 45, 46, 58, 84, 90];
const lowerCaseBit = 0x20;

export function isTimestamp(text: string): boolean {
  const { length } = text;
  if (length < 20) return false;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  // A malformed pair is NaN, which is within no range.
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= (daysInMonth[month - 1] as number))) return false;
  if (month === 2 && day === 29 && !isLeapYear(year)) return false;
  if (!(twoDigits(text, 11) <= 23 && twoDigits(text, 14) <= 59 && twoDigits(text, 17) <= 59)) return false;
  if (text.charCodeAt(4) !== hyphen || text.charCodeAt(7) !== hyphen) return false;
  if (text.charCodeAt(13) !== colon || text.charCodeAt(16) !== colon) return false;
  if ((text.charCodeAt(10) & ~lowerCaseBit) !== capitalT) return false;

  const offset = endOfFraction(text);
  const sign = text.charCodeAt(offset);
  if (length === offset + 1) {
    if ((sign & ~lowerCaseBit) !== capitalZ) return false;
  } else {
    if (length !== offset + 6 || (sign !== plus && sign !== hyphen) || text.charCodeAt(offset + 3) !== colon)
      return false;
    if (!(twoDigits(text, offset + 1) <= 15 && twoDigits(text, offset + 4) <= 59)) return false;
  }
  return (year > 1 && year < 9999) || isWithinYears(text, offset);
}

/** The timestamp as it is sent to PostgreSQL, which reads at most 128 characters; 20 digits of a fraction are enough. */
export function storedTimestamp(text: string): string {
  if (text.length <= 46) return text;
  return text.slice(0, 40) + text.slice(endOfFraction(text));
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - zero;
  const ones = text.charCodeAt(at + 1) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Where the offset begins: after the seconds, or after their fraction of at least one digit. */
function endOfFraction(text: string): number {
  if (text.charCodeAt(19) !== dot) return 19;
  let at = 20;
  for (let digit = text.charCodeAt(at); digit >= zero && digit <= zero + 9; digit = text.charCodeAt(at)) at++;
  return at === 20 ? 19 : at;
}

/** Whether the instant, rounded to microseconds as PostgreSQL does, stays within the years 1 to 9999 of UTC. */
function isWithinYears(text: string, offset: number): boolean {
  const seconds = Date.parse(`${text.slice(0, 19)}${text.slice(offset)}`.toUpperCase()) / 1000;
  const micros = Math.round(Number(`0${text.slice(19, offset)}`) * 1_000_000);
  const year = new Date((seconds + Math.floor(micros / 1_000_000)) * 1000).getUTCFullYear();
  return year >= 1 && year <= 9999;
}
