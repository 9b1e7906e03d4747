// What the command says. On a terminal text for a person, else JSON lines for a program: one object a line on stdout. Bars
// and remarks are on stderr, so stdout is never more than what was asked for.
import { once } from 'node:events';
import { createLogUpdate } from 'log-update';
import type { TerminalStream } from './context.ts';
import { plain } from './plain-text.ts';

const redrawMs = 80;

export interface OutputOptions {
  /** JSON lines. */
  json: boolean;
  /** Draw bars. */
  bars: boolean;
  stdout: TerminalStream;
  stderr: TerminalStream;
  /** Ends the wait for whoever reads stdout. */
  signal?: AbortSignal;
}

export class Output {
  readonly json: boolean;
  readonly #options: OutputOptions;
  readonly #bars: ReturnType<typeof createLogUpdate> | null;
  #failure: Error | null = null;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(options: OutputOptions) {
    const { json, bars, stdout, stderr } = options;
    this.json = json;
    this.#options = options;
    if (bars) giveSize(stderr);
    this.#bars = bars ? createLogUpdate(stderr) : null;
    // A write tells its own error.
    stdout.on('error', () => {});
  }

  /** Lines of text, on a terminal. */
  async text(...lines: string[]): Promise<void> {
    this.#bars?.clear();
    if (lines.length > 0) await this.write(`${lines.map(plain).join('\n')}\n`);
  }

  /** One line for a program. */
  async object(value: unknown): Promise<void> {
    await this.write(`${JSON.stringify(value)}\n`);
  }

  /** Bytes as they are, under back-pressure. @throws EPIPE when nobody reads them any more; ENOSPC, EFBIG … of an earlier one. */
  async write(content: string | Uint8Array): Promise<void> {
    this.#throwFailure();
    const { stdout, signal } = this.#options;
    const hasRoom = stdout.write(content, (error) => {
      this.#failure ??= error ?? null;
    });
    if (!hasRoom) await once(stdout, 'drain', { signal });
    this.#throwFailure();
  }

  /** Waits until all of it is written: an error may come last. @throws as write; the signal's reason. */
  async flush(): Promise<void> {
    const { stdout, signal } = this.#options;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      stdout.write('', () => resolve());
    });
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Something that is worth knowing meanwhile: text on stderr, whatever stdout is. */
  remark(text: string): void {
    this.#bars?.clear();
    this.#options.stderr.write(`${plain(text)}\n`);
  }

  /** Draws the lines where those of the call before are; at most so often that a person can follow. */
  bars(lines: (columns: number) => string[]): void {
    const now = performance.now();
    if (!this.#bars || now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#bars(
      lines(this.#options.stderr.columns ?? 80)
        .map(plain)
        .join('\n'),
    );
  }

  /** The same without a word on stdout. */
  silent(): Output {
    return new Output({ ...this.#options, json: false });
  }

  /** Leaves nothing of the bars, and the cursor where it was. */
  clearBars(): void {
    this.#bars?.clear();
    this.#bars?.done();
  }
}

/** A terminal that has no size (a recorder's, a serial line's) says 0, into which no bar would fit. */
function giveSize(terminal: TerminalStream): void {
  if (terminal.columns === 0) terminal.columns = 80;
  if (terminal.rows === 0) terminal.rows = 24;
}
