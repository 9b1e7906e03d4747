// The body of a text/event-stream response (https://html.spec.whatwg.org/multipage/server-sent-events.html): states of one
// job. Whatever a client has not taken yet is replaced by what is newer, so one that reads slowly costs one state.
// (@fastify/sse 0.6 waits for ever on a client that goes away while it is slow, and keeps a stop waiting: its issues 54
// and 57.)
import { Readable } from 'node:stream';

/** What a job is like at a moment, ready to be sent. */
export interface JobState {
  /** Grows with everything that the job does; odd: it has ended. Never the same for two states of which one has ended. */
  id: number;
  ended: boolean;
  /** Pending jobs change (in what they wait for) without another id. */
  pending: boolean;
  /** JSON. */
  data: string;
}

/** How long a client is to wait before it connects again. */
const retryMs = 2_000;

export class EventStream extends Readable {
  #begun = false;
  /** The consumer has asked, and has not been given anything since. */
  #wanted = false;
  #next: JobState | null = null;
  #stopping = false;
  #lastId = -1;

  /** @param seenId of the state that the client has; undefined: none. */
  constructor(seenId?: number) {
    super({ highWaterMark: 1 });
    if (seenId !== undefined) this.#lastId = seenId;
  }

  /** Sends a state as soon as the client takes it, unless a newer one comes before; after one that has ended, the end. */
  send(state: JobState): void {
    if (!state.ended && !state.pending && state.id <= this.#lastId) return;
    this.#next = state;
    this.#flush();
  }

  /** Keeps the connection from looking idle; not for a client that has not taken what it got. */
  beat(): void {
    if (this.#wanted) this.#give(': \n\n');
  }

  /** Ends the response now; the connection too, if its client does not read. */
  stop(): void {
    this.#stopping = true;
    if (this.#wanted) this.#flush();
    else this.destroy();
  }

  override _read(): void {
    this.#wanted = true;
    this.#flush();
  }

  #flush(): void {
    if (!this.#wanted) return;
    if (!this.#begun) {
      this.#begun = true;
      this.#give(`retry: ${retryMs}\n\n`);
      return;
    }
    const state = this.#next;
    this.#next = null;
    if (state) this.#give(this.#encode(state));
    if (state?.ended || this.#stopping) this.push(null);
  }

  #give(text: string): void {
    this.#wanted = false;
    this.push(text);
  }

  #encode({ id, ended, data }: JobState): string {
    // An export that was begun again may end with fewer bytes than it once had.
    const last = this.#lastId;
    this.#lastId = ended && id <= last ? last + 1 + (last % 2) : id;
    return `id: ${this.#lastId}\nevent: ${ended ? 'end' : 'progress'}\ndata: ${data}\n\n`;
  }
}
