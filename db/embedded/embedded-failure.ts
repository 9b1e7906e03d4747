/** The embedded PostgreSQL cannot be had; `remedy` is what a person can do about it, as an imperative clause. */
export class EmbeddedPostgresFailure extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'EmbeddedPostgresFailure';
    this.remedy = remedy;
  }
}
