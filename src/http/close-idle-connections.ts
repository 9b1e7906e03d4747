import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const everyMs = 100;

/**
 * Node closes idle connections once, when a server begins to close. One whose answer ends later stays open, as does one that never had
 * a request (a browser's, made ahead; a proxy's spare): the server would wait for them until they are cut off.
 * @param server does not listen yet.
 * @returns closes connections without a request, from now on for as long as any is open.
 */
export function closeIdleConnections(server: Server): () => void {
  const unused = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  server.on('request', ({ socket }) => unused.delete(socket));
  return () => {
    const close = () => {
      server.closeIdleConnections();
      for (const socket of unused) socket.destroy();
    };
    close();
    const closing = setInterval(close, everyMs);
    server.once('close', () => clearInterval(closing));
  };
}
