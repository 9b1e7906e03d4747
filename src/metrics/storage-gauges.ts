// The folders of uploads and exports: room, whether they can be written, what this process has written to them.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { FileStore } from '../file-store.ts';

/** @param stores by the name that they go by in figures. */
export function gaugeStorage(registry: Registry, stores: Record<string, FileStore>): void {
  const registers = [registry];
  const labelNames = ['folder'];
  const size = new Gauge({
    name: 'bulk_storage_size_bytes',
    help: 'Size of the file system that a folder is on',
    labelNames,
    registers,
  });
  const free = new Gauge({
    name: 'bulk_storage_free_bytes',
    help: 'Room that is left on it',
    labelNames,
    registers,
  });
  new Gauge({
    name: 'bulk_storage_up',
    help: 'Whether files can be written to a folder',
    labelNames,
    registers,
    async collect() {
      for (const [folder, store] of Object.entries(stores)) {
        const room = await store.findRoom().catch((error: NodeJS.ErrnoException) => error);
        this.set({ folder }, room instanceof Error ? 0 : 1);
        if (room instanceof Error) {
          size.remove({ folder });
          free.remove({ folder });
        } else {
          size.set({ folder }, room.sizeBytes);
          free.set({ folder }, room.freeBytes);
        }
      }
    },
  });
  new Counter({
    name: 'bulk_file_bytes_written_total',
    help: 'Bytes that this process has written to a folder: uploads as they were received, exported files',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const [folder, store] of Object.entries(stores)) this.inc({ folder }, store.writtenBytes);
    },
  });
}
