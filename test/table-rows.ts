// Tables of Markdown pages.

/** The cells of the rows of a table whose first is of this kind, without backticks. */
export const rowsOf = (markdown: string, first: RegExp) =>
  markdown
    .split('\n')
    .filter((line) => line.startsWith('| ') && first.test(line.slice(2)))
    .map((line) =>
      line
        .replaceAll('`', '')
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
