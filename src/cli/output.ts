// What the command says. On a terminal text for a person, else JSON lines for a program: one object a line on stdout. Bars
// and remarks are on stderr, so stdout is never more than what was asked for.
import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import { createLogUpdate } from 'log-update';
import { plain } from './plain-text.ts';

const redrawMs = 80;

export interface OutputOptions {
  /** JSON lines. */
  json: boolean;
  /** Draw bars. */
  bars: boolean;
}

export class Output {
  readonly json: boolean;
  readonly #bars: ReturnType<typeof createLogUpdate> | null;
  #closed: Error | null = null;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor({ json, bars }: OutputOptions) {
    this.json = json;
    if (bars) giveSize(process.stderr as WriteStream);
    this.#bars = bars ? createLogUpdate(process.stderr) : null;
    process.stdout.on('error', (error) => (this.#closed = error));
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

  /** Bytes as they are, under back-pressure. @throws EPIPE when nobody reads them any more. */
  async write(content: string | Uint8Array): Promise<void> {
    if (this.#closed) throw this.#closed;
    if (!process.stdout.write(content)) await once(process.stdout, 'drain');
    if (this.#closed) throw this.#closed;
  }

  /** Something that is worth knowing meanwhile: text on stderr, whatever stdout is. */
  remark(text: string): void {
    this.#bars?.clear();
    process.stderr.write(`${plain(text)}\n`);
  }

  /** Draws the lines where those of the call before are; at most so often that a person can follow. */
  bars(lines: (columns: number) => string[]): void {
    const now = performance.now();
    if (!this.#bars || now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#bars(
      lines((process.stderr as WriteStream).columns ?? 80)
        .map(plain)
        .join('\n'),
    );
  }

  /** The same without a word on stdout. */
  silent(): Output {
    return new Output({ json: false, bars: this.#bars !== null });
  }

  /** Leaves nothing of the bars, and the cursor where it was. */
  clearBars(): void {
    this.#bars?.clear();
    this.#bars?.done();
  }
}

/** A terminal that has no size (a recorder's, a serial line's) says 0, into which no bar would fit. */
function giveSize(terminal: WriteStream): void {
  if (terminal.columns === 0) terminal.columns = 80;
  if (terminal.rows === 0) terminal.rows = 24;
}
