import type { Caller } from '../../foundation/postgres/pool.ts';
import type { LargeValue } from '../../foundation/postgres/wire/wire.ts';

import type { Admission } from '../../foundation/crypto/gateway.ts';

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
  /** What the gateway let in. */
  readonly admission: Admission;
  /** Who waits; leaves when the client goes away. */
  readonly caller?: Caller;
}

export interface RestResponse {
  readonly status: number;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** A large one is sent as it comes from the database. */
  readonly body: string | Buffer | LargeValue;
}

/** Who asks: the role that the database sees, and the claims that policies read. */
export interface Identity {
  readonly role: string;
  readonly claims: Readonly<Record<string, unknown>>;
}
