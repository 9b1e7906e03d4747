/**
 * A start that cannot succeed until a person changes something: shown as one line with its remedy, without a stack,
 * and answered with exit code 1. How other errors become such a line is in explain-start-failure.ts.
 */
export class StartFailure extends Error {
  /** What to do about it, as an imperative clause; null where the message says it already. */
  readonly remedy: string | null;

  constructor(message: string, { remedy = null, cause }: { remedy?: string | null; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'StartFailure';
    this.remedy = remedy;
  }
}
