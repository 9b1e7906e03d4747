import { choice, duration, text, type Variables } from '../environment.ts';

export const files = {
  DATA_DIR: {
    group: 'Files',
    default: './data',
    description: 'folder of the embedded database, uploads and exports',
    parse: text(),
  },
  UPLOAD_DIR: {
    group: 'Files',
    default: null,
    defaultText: '$DATA_DIR/uploads',
    description: 'folder of uploaded files',
    parse: text(),
  },
  EXPORT_DIR: {
    group: 'Files',
    default: null,
    defaultText: '$DATA_DIR/exports',
    description: 'folder of exported files',
    parse: text(),
  },
  UPLOAD_TTL: {
    group: 'Files',
    default: '24h',
    description: 'how long an uploaded file is kept once its import has ended',
    parse: duration(1000),
  },
  EXPORT_TTL: {
    group: 'Files',
    default: '24h',
    description: 'how long an exported file can be downloaded',
    parse: duration(1000),
  },
  SEED: {
    group: 'Files',
    default: 'auto',
    description: 'load the sample records into empty tables: auto only into the embedded database, on into any, off',
    parse: choice('auto', 'on', 'off'),
  },
} as const satisfies Variables;
