// The service's life in the process: start() builds the app and listens, stop() closes it in bounded time. A stop may
// come while the start is still under way; it then waits for it and undoes it. Whether the process ends is decided in
// server.ts.
import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import type { Config } from './config.ts';
import { versionText } from './help.ts';
import { closeIdleConnections } from './http/close-idle-connections.ts';
import { flushLog, logIsFailing, tell } from './log-output.ts';
import { tryListening } from './try-listening.ts';

/** At this part of SHUTDOWN_TIMEOUT open connections are cut, so that the rest can be closed in order. */
const requestsShare = 0.8;

export class Service {
  readonly #config: Config;
  #building: Promise<FastifyInstance> | null = null;
  #app: FastifyInstance | null = null;
  #host: string;
  #closeIdle = () => {};
  #stopping: Promise<boolean> | null = null;

  constructor(config: Config) {
    this.#config = config;
    this.#host = config.http.host;
  }

  /** @returns once it listens. @throws whatever kept it from that; nothing is left open then. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await flushLog();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const startedAt = performance.now();
    const { http } = this.#config;
    this.#building = this.#build();
    const app = await this.#building;
    this.#app = app;
    this.#closeIdle = closeIdleConnections(app.server);
    if (this.#stopping) return;
    try {
      const listenTextResolver = (address: string) => `Listening at ${address}`;
      const address = await app.listen({ ...http, host: this.#host, listenTextResolver });
      const startMs = Math.round(performance.now() - startedAt);
      app.log.info({ address, version: versionText(), node: process.versions.node, start_ms: startMs }, 'Ready');
      if (this.#config.log.format === 'pretty') this.#giveHint(app, address);
    } catch (error) {
      await app.close();
      throw error;
    }
  }

  async #build(): Promise<FastifyInstance> {
    this.#host = await tryListening(this.#config.http);
    return await buildApp(this.#config);
  }

  get stopping(): boolean {
    return this.#stopping !== null;
  }

  /**
   * Lets requests and chunks in flight finish, then closes everything. Idempotent.
   * @param cause for the log.
   * @returns whether it was done within SHUTDOWN_TIMEOUT. Never rejects.
   */
  stop(cause: string): Promise<boolean> {
    this.#stopping ??= this.#stop(cause);
    return this.#stopping;
  }

  /** In the log; on stderr when there is none yet, or it cannot be written. */
  reportFatal(error: Error, origin: string): void {
    this.#app?.log.fatal({ err: error, origin }, 'Unforeseen error, the service stops');
    if (!this.#app || logIsFailing()) tell(String(error.stack));
  }

  async #stop(cause: string): Promise<boolean> {
    const { shutdownTimeoutMs } = this.#config;
    this.#app?.log.info({ cause }, 'Stopping');
    const done = new AbortController();
    const cutOff = wait(shutdownTimeoutMs * requestsShare, undefined, { signal: done.signal }).then(
      () => {
        this.#app?.log.warn('Requests are cut off, they took too long for SHUTDOWN_TIMEOUT');
        this.#app?.server.closeAllConnections();
      },
      () => {},
    );
    const late = wait(shutdownTimeoutMs, false, { signal: done.signal }).catch(() => false);
    const inTime = await Promise.race([this.#close(), late]);
    done.abort();
    await cutOff;
    if (!inTime) this.#app?.log.error('Not everything could be closed within SHUTDOWN_TIMEOUT');
    await flushLog();
    return inTime;
  }

  async #close(): Promise<boolean> {
    try {
      // A start that fails cleans up after itself.
      const app = await this.#building?.catch(() => null);
      if (app?.server.listening) this.#closeIdle();
      await app?.close();
      app?.log.info('Stopped');
      return true;
    } catch (error) {
      this.#app?.log.error({ err: error }, 'Closing failed');
      return false;
    }
  }

  #giveHint(app: FastifyInstance, address: string): void {
    const key = this.#config.access.keys.length > 0 ? '-H "X-API-Key: $KEY" ' : '';
    app.log.info(`Import a file: curl ${key}-F resource=users -F file=@testdata/users_huge.csv ${address}/v1/imports`);
    app.log.info(`See what is in the database: curl ${key}${address}/metrics`);
  }
}
