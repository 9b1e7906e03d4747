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

/** Days from 1970-01-01 to PostgreSQL's day zero, 2000-01-01. */
const epochDays = 10_957;

/**
 * Writes the instant as PostgreSQL's binary format of timestamptz: microseconds since 2000-01-01 UTC, in eight bytes.
 * @param text a valid timestamp.
 */
export function writeTimestamp(target: DataView, at: number, text: string): void {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const days = daysBefore(year, twoDigits(text, 5)) + twoDigits(text, 8) - 1 - epochDays;
  const offset = endOfFraction(text);
  let seconds = days * 86_400 + twoDigits(text, 11) * 3600 + twoDigits(text, 14) * 60 + twoDigits(text, 17);
  if (text.length > offset + 1) {
    const away = twoDigits(text, offset + 1) * 3600 + twoDigits(text, offset + 4) * 60;
    seconds += text.charCodeAt(offset) === plus ? -away : away;
  }
  const micros = seconds * 1_000_000 + microsOf(text, offset);
  // Exact from the year 1714 to 2285.
  if (Number.isSafeInteger(micros)) {
    const high = Math.floor(micros / 2 ** 32);
    target.setInt32(at, high);
    target.setUint32(at + 4, micros - high * 2 ** 32);
  } else target.setBigInt64(at, BigInt(seconds) * 1_000_000n + BigInt(microsOf(text, offset)));
}

/** Days from 1970-01-01 to the first of that month (the proleptic Gregorian calendar). */
function daysBefore(year: number, month: number): number {
  // Years that begin in March: so the day that leap years have more is their last.
  const years = month <= 2 ? year - 1 : year;
  const months = month <= 2 ? month + 9 : month - 3;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  return years * 365 + leapDays + Math.floor((months * 153 + 2) / 5) - 719_468;
}

/** The fraction of a second before `end`, rounded to microseconds. */
function microsOf(text: string, end: number): number {
  return end === 19 ? 0 : Math.round(Number(`0${text.slice(19, end)}`) * 1_000_000);
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

/** Whether the instant, rounded to microseconds, stays within the years 1 to 9999 of UTC. */
function isWithinYears(text: string, offset: number): boolean {
  const seconds = Date.parse(`${text.slice(0, 19)}${text.slice(offset)}`.toUpperCase()) / 1000;
  const year = new Date((seconds + Math.floor(microsOf(text, offset) / 1_000_000)) * 1000).getUTCFullYear();
  return year >= 1 && year <= 9999;
}
