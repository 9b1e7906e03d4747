/** The database is there, but the service cannot work with it; `remedy` is what a person can do, as an imperative clause. */
export class UnsuitableDatabase extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'UnsuitableDatabase';
    this.remedy = remedy;
  }
}
