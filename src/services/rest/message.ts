/** What came in, as far as the engine cares; an adapter fills it. */
export interface RestRequest {
  readonly method: string;
  /** Below the mount: `/items`, `/rpc/add`, `/`. Still percent-encoded. */
  readonly path: string;
  /** Without the question mark. Still percent-encoded. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Aborts when the client went away. */
  readonly signal?: AbortSignal;
}

export interface RestResponse {
  readonly status: number;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
}

/** Who asks: the role that the database sees, and the claims that policies read. */
export interface Identity {
  readonly role: string;
  readonly claims: Readonly<Record<string, unknown>>;
}
