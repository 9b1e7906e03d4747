// The parts of an OpenAPI 3.1 document that are worked on here.
import type { ParameterDocs, Schema } from './route-docs.ts';

export interface MediaType {
  schema: Schema;
  examples?: Record<string, object>;
}

export interface Operation {
  operationId?: string;
  security?: readonly object[];
  parameters?: (Omit<ParameterDocs, 'in'> & { in: string; example?: unknown })[];
  requestBody?: { required?: boolean; content: Record<string, MediaType> };
  responses: Record<string, { description: string; headers?: object; content?: Record<string, MediaType> }>;
}

export interface OpenApiDocument {
  openapi?: string;
  paths?: Record<string, Record<string, Operation>>;
  components?: Record<string, object>;
}
