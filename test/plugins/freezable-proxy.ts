// A TCP proxy in front of the test server that can fall silent, as a frozen server or a broken route does: connections
// are accepted and stay, and nothing comes back.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';
import type { Connection } from '../../db/client.ts';

export interface FreezableProxy {
  /** Leads through the proxy. */
  connection: Connection;
  freeze(): void;
  thaw(): void;
}

export async function startFreezableProxy(test: Pick<Test, 'after'>, connection: Connection): Promise<FreezableProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(connection.port, connection.host);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => to.write(data));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (frozen) from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  test.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    connection: { ...connection, port },
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
  };
}
