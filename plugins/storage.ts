// Where uploads wait for their import and exported files for their download.
import fp from 'fastify-plugin';
import { findInstallationId } from '../db/installation.ts';
import { FileStore } from '../src/file-store.ts';

export interface Storage {
  uploads: FileStore;
  exports: FileStore;
}

declare module 'fastify' {
  interface FastifyInstance {
    storage: Storage;
  }
}

export default fp(
  async (app) => {
    const { uploadDir, exportDir } = app.config;
    const origin = await findInstallationId(app.sql);
    app.decorate('storage', {
      uploads: await FileStore.open(uploadDir, { origin }),
      exports: await FileStore.open(exportDir, { origin }),
    });
  },
  { name: 'storage', dependencies: ['database'] },
);
