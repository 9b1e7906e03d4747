// Ids and records by number: what is equal, and what comes before what, can be seen.

export function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** A valid one. */
export function user(n: number, more: Record<string, unknown> = {}): string {
  const valid = {
    id: id(n),
    email: `u${n}@example.com`,
    name: 'U',
    role: 'viewer',
    created_at: '2024-01-01T00:00:00Z',
  };
  return JSON.stringify({ ...valid, ...more });
}
