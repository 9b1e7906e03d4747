// Text as a person reads it on a terminal.

/** Without what a terminal would obey: names and values come from files and from other people. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (character) => (character === '\n' ? '\n' : '\ufffd'));
}

const grouped = new Intl.NumberFormat('en');

export function count(number: number): string {
  return grouped.format(number);
}

/** `1 record`, `2,000 records`. */
export function counted(number: number, what: string): string {
  return `${count(number)} ${what}${number === 1 ? '' : 's'}`;
}

export function bytes(number: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = number < 1000 ? 0 : Math.min(Math.floor(Math.log10(number) / 3), units.length - 1);
  return `${power === 0 ? number : (number / 1000 ** power).toFixed(1)} ${units[power]}`;
}

export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** One word of a command that a person may copy, whatever somebody named a file. */
export function shellWord(text: string): string {
  return /^[\w.,:+=@%/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Columns as wide as their widest cell; those whose header ends in a blank are of numbers, to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [
    header.map((name) => name.trim()),
    ...rows.map((row) => row.map((cell) => cell.replaceAll('\n', ' '))),
  ];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] as string).length)));
  return cells.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] as number;
        return header[column]?.endsWith(' ') ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
