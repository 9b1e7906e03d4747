// What an export takes out of a resource. Checked against the resource's definition by parse-selection.ts; plain data,
// so that a job keeps it in its options and every attempt exports the same.

/** How a filter compares its field. Several filters are combined by AND. */
export const operators = ['eq', 'in', 'gte', 'gt', 'lte', 'lt'] as const;
export type Operator = (typeof operators)[number];

export interface Filter {
  field: string;
  operator: Operator;
  /**
   * `in`: one or more. An array field's `eq`: the elements. Otherwise exactly one, as PostgreSQL reads the field's type;
   * null is SQL's NULL, for `eq` alone.
   */
  values: readonly string[] | null;
}

export interface Selection {
  /** In the order of the output; of a request at least one. */
  fields: readonly string[];
  filters: readonly Filter[];
  /** Rows of equal value follow in the order of the primary key. */
  sort?: { field: string; descending: boolean };
  /** Rows at most, from 1. */
  limit?: number;
}
