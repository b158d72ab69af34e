import type { Admission } from '../../foundation/crypto/gateway.ts';
import type { AuthError } from './errors.ts';

/** What came in, as far as the engine cares; an adapter fills it. */
export interface AuthRequest {
  readonly method: string;
  /** Below the mount: `/token`, `/admin/users/1`. Still percent-encoded. */
  readonly path: string;
  /** Without the question mark. Still percent-encoded. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Who is at the other end of the socket, or who a trusted proxy says it is. */
  readonly ip: string;
  /** What limits count by: the address, or the network of one customer. */
  readonly network: string;
  /** What the API key and the token let it in as. */
  readonly admission: Admission;
  /** Names the request in the log, and in answers that blame the server. */
  readonly id: string;
}

export interface AuthResponse {
  readonly status: number;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: string;
}

/** What a handler answers: a body is sent as JSON. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  /** A page for a person, instead of a body. */
  readonly html?: string;
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>;
  /** A refusal whose transaction commits: what was found out, revoked or counted on the way stays. */
  readonly refusal?: AuthError;
}

/** A refusal whose transaction commits. Thrown errors roll back. */
export function refused(refusal: AuthError): Reply {
  return { status: refusal.status, refusal };
}
