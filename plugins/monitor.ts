// The connection from which the service's health and its figures are read.
import fp from 'fastify-plugin';
import { MonitorConnection } from '../db/monitor-connection.ts';

declare module 'fastify' {
  interface FastifyInstance {
    monitor: MonitorConnection;
  }
}

export default fp(
  async (app) => {
    const monitor = new MonitorConnection(app.connection);
    app.addHook('onClose', async () => await monitor.close());
    app.decorate('monitor', monitor);
  },
  { name: 'monitor', dependencies: ['database'] },
);
