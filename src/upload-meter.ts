// Counts the bytes of uploads while they arrive: of all that an owner sends to this process at the same moment, since
// none of them is known to the database yet.

export class UploadMeter {
  readonly #arriving = new Map<string, number>();

  /**
   * Passes on `content` as long as the owner's uploads under way have no more than `roomBytes` together.
   * @throws what `refuse` makes, once they have.
   */
  async *meter(
    owner: string,
    content: AsyncIterable<Uint8Array>,
    roomBytes: number,
    refuse: () => Error,
  ): AsyncGenerator<Uint8Array> {
    let ownBytes = 0;
    try {
      for await (const block of content) {
        ownBytes += block.length;
        if (this.#add(owner, block.length) > roomBytes) throw refuse();
        yield block;
      }
    } finally {
      this.#add(owner, -ownBytes);
    }
  }

  #add(owner: string, bytes: number): number {
    const sum = (this.#arriving.get(owner) ?? 0) + bytes;
    if (sum === 0) this.#arriving.delete(owner);
    else this.#arriving.set(owner, sum);
    return sum;
  }
}
