// Where uploads wait for their import and exported files for their download.
import fp from 'fastify-plugin';
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
    app.decorate('storage', { uploads: await FileStore.open(uploadDir), exports: await FileStore.open(exportDir) });
  },
  { name: 'storage' },
);
