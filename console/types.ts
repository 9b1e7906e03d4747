// What the API answers, as the console's modules name it; derived from the schemas that shape those answers. Types
// alone: this file is not served.
import type { Static } from 'typebox';
import type { EstimateSchema } from '../plugins/export-estimate.ts';
import type { GroupsSchema } from '../plugins/import-error-groups.ts';
import type { PreviewSchema } from '../plugins/import-preview.ts';
import type { OverviewSchema } from '../plugins/overview.ts';
import type { ResourcesSchema } from '../plugins/resources.ts';
import type { ExportSchema } from '../src/export/export-view.ts';
import type { ImportSchema, ImportSummarySchema } from '../src/import/import-view.ts';

export type Import = Omit<Static<typeof ImportSchema>, 'errors'>;
export type ImportSummary = Static<typeof ImportSummarySchema>;
export type Export = Static<typeof ExportSchema>;
export type JobStatus = Import['status'];
export type Preview = Static<typeof PreviewSchema>;
export type ErrorGroups = Static<typeof GroupsSchema>;
export type Estimate = Static<typeof EstimateSchema>;
export type Overview = Static<typeof OverviewSchema>;
export type ResourceList = Static<typeof ResourcesSchema>;
export type Field = ResourceList['resources'][number]['fields'][number];
