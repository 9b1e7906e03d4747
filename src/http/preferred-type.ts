/**
 * The media type that a client would rather have (RFC 9110, 12.5.1): highest q, then the order of `offered`. A range that
 * names a type counts for more than a wildcard that covers it.
 * @param accept the header; absent or empty: anything.
 * @param offered without parameters; the first is the answer too when the client takes none of them, as the RFC allows.
 */
export function preferredType<T extends string>(accept: string | undefined, offered: readonly [T, ...T[]]): T {
  const ranges = (accept ?? '').split(',').flatMap((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    return range === '' ? [] : [{ range, quality: q === undefined ? 1 : Number(q) || 0 }];
  });
  if (ranges.length === 0) return offered[0];
  const qualityOf = (type: string) => {
    for (const covering of [type, type.replace(/\/.*/, '/*'), '*/*']) {
      const found = ranges.filter(({ range }) => range === covering);
      if (found.length > 0) return Math.max(...found.map(({ quality }) => quality));
    }
    return 0;
  };
  // The sort is stable: among equals the first offered.
  const [best] = offered.map((type) => ({ type, quality: qualityOf(type) })).sort((a, b) => b.quality - a.quality);
  return best && best.quality > 0 ? best.type : offered[0];
}
