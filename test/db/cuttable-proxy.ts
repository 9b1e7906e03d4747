// A TCP proxy in front of the test server, to lose connections the way networks do: by a reset in mid-conversation.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface CuttableProxy<Address> {
  /** Leads through the proxy. */
  connection: Address;
  /** Resets every connection there is: the client sees ECONNRESET. */
  cut(): void;
  /** Refuses new connections; those that there are stay. */
  refuse(): void;
}

/** @param intercept sees what the client sends; what it returns is answered in the server's place, and that is the end. */
export async function startProxy<Address extends { host: string; port: number }>(
  test: Pick<Test, 'after'>,
  connection: Address,
  intercept?: (sent: Buffer) => Buffer | null,
): Promise<CuttableProxy<Address>> {
  const clients = new Set<Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(connection.port, connection.host);
    clients.add(client);
    client.on('data', (sent: Buffer) => {
      const answer = intercept?.(sent);
      if (!answer) return upstream.write(sent);
      client.end(answer);
      upstream.destroy();
    });
    upstream.on('data', (received) => client.write(received));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      // A broken connection is what this is for; 'close' follows.
      one.on('error', () => {});
      one.on('close', () => {
        clients.delete(client);
        other.destroySoon();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const client of clients) client.resetAndDestroy();
  };
  const refuse = () => {
    server.close();
  };
  const { port } = server.address() as AddressInfo;
  test.after(() => {
    refuse();
    cut();
  });
  return { connection: { ...connection, port }, cut, refuse };
}
