// What travels between client and service, taken from the schemas that validate requests and shape responses: nothing is
// described twice, and nothing of the service is loaded.
import type { Static } from 'typebox';
import type { EstimateSchema } from '../../plugins/export-estimate.ts';
import type { GroupsSchema } from '../../plugins/import-error-groups.ts';
import type { PreviewSchema } from '../../plugins/import-preview.ts';
import type { OverviewSchema } from '../../plugins/overview.ts';
import type { ResourcesSchema } from '../../plugins/resources.ts';
import type { ExportPageSchema, ExportSchema } from '../export/export-view.ts';
import type {
  ImportProgressSchema,
  ImportSchema,
  ImportSummarySchema,
  JobStatusSchema,
  RowErrorSchema,
} from '../import/import-view.ts';
import type { Format } from '../resources/formats.ts';

export type { Format };
export type JobStatus = Static<typeof JobStatusSchema>;
export type Import = Static<typeof ImportSchema>;
export type ImportSummary = Static<typeof ImportSummarySchema>;
/** A state of an import on its way; the row errors are not repeated in each. */
export type ImportState = Static<typeof ImportProgressSchema>;
export type RowError = Static<typeof RowErrorSchema>;
export type Export = Static<typeof ExportSchema>;
export type ExportPage = Static<typeof ExportPageSchema>;
export type Preview = Static<typeof PreviewSchema>;
export type Estimate = Static<typeof EstimateSchema>;
export type Overview = Static<typeof OverviewSchema>;
export type Resources = Static<typeof ResourcesSchema>;
export type Health = Overview['health'] & { timestamp: string; service: string; version: string };
export type ErrorGroups = Static<typeof GroupsSchema>;

export interface ImportPage {
  imports: ImportSummary[];
  /** The `after` of the page that follows. */
  next?: string;
}

type Scalar = string | number | boolean;

/** Which records, and how they are written. */
export interface ExportSelection {
  resource: string;
  /** Default ndjson. */
  format?: Format;
  /** In the order of the output; default: all. */
  fields?: readonly string[];
  /** `{ status: 'published', created_at: { gte: '2024-06-01T00:00:00Z' }, role: { in: ['admin', 'editor'] } }`; all must hold. */
  filters?: Readonly<Record<string, Scalar | Readonly<Record<string, Scalar | readonly string[]>>>>;
  /** A field, after a `-` for descending. */
  sort?: string;
  limit?: number;
}

export interface ExportRequest extends ExportSelection {
  compression?: 'gzip';
}
