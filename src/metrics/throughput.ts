// How many records were committed lately: a ring of sums, each of ten seconds, over ten minutes.

export const periodMs = 10_000;
export const periods = 60;

export interface PeriodSum {
  /** When the period began, in milliseconds since 1970; a multiple of `periodMs`. */
  at: number;
  records: number;
}

export class Throughput {
  /** The number of the period (since 1970) that a sum belongs to, and the sum. */
  readonly #numbers = new Float64Array(periods);
  readonly #sums = new Float64Array(periods);

  /** @param now milliseconds since 1970, here and below. */
  add(records: number, now: number): void {
    const number = Math.floor(now / periodMs);
    const place = number % periods;
    if (this.#numbers[place] !== number) {
      this.#numbers[place] = number;
      this.#sums[place] = 0;
    }
    this.#sums[place]! += records;
  }

  /** The last ten minutes, oldest first, periods without a record included; the last period is still under way. */
  list(now: number): PeriodSum[] {
    const last = Math.floor(now / periodMs);
    return Array.from({ length: periods }, (_, index) => {
      const number = last - periods + 1 + index;
      const place = number % periods;
      return { at: number * periodMs, records: this.#numbers[place] === number ? this.#sums[place]! : 0 };
    });
  }
}
