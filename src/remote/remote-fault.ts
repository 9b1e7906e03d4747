/** Why a remote file was not fetched. The message is for the client; `reason` is for the log alone. */
export class RemoteFault extends Error {
  /** `file_url_refused`: we will not go there. `file_url_failed`: we did, and did not get the file. */
  readonly code: 'file_url_refused' | 'file_url_failed';
  readonly reason: string;
  /** What the server answered, where that was the fault. */
  readonly status: number | undefined;

  constructor(
    code: RemoteFault['code'],
    message: string,
    { reason = message, status, cause }: { reason?: string; status?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'RemoteFault';
    this.code = code;
    this.reason = reason;
    this.status = status;
  }
}
