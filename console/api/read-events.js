// Server-sent events over fetch: EventSource cannot send an API key.
import { createParser } from 'eventsource-parser';

/** The service says something every 15 seconds; a connection on which nothing comes is a lost one. */
const longestSilenceMs = 45_000;

/**
 * @typedef {import('eventsource-parser').EventSourceMessage} ServerEvent
 */

/**
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @param {number} [silenceMs] after which the connection is given up
 * @returns {AsyncGenerator<ServerEvent>} ends when the connection does
 */
export async function* readEvents(body, silenceMs = longestSilenceMs) {
  /** @type {ServerEvent[]} */
  let events = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      // Cancelled, what is waited for is the end.
      const silence = setTimeout(() => reader.cancel(), silenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      parser.feed(value);
      yield* events;
      events = [];
    }
  } finally {
    await reader.cancel();
  }
}
