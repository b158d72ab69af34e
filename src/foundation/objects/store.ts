import type { Readable } from 'node:stream';

/**
 * Where objects lie: a directory, an S3 bucket, an SFTP server. Keys are relative paths of `[A-Za-z0-9._=-]` parts
 * with `/` between them; no part begins with a dot. An object appears whole or not at all and is never changed: it is
 * put once and removed.
 */
export interface ObjectStore {
  /** For people and catalogues, without credentials: `file:///srv/backups`, `s3://bucket/prefix`, `sftp://host/path`. */
  readonly url: string;
  /**
   * Returns when the object is durable there.
   *
   * @param source a file that nobody changes any more (a store on the same disk may keep it by a second name), or bytes
   * @throws VectabaseError OBJECT_EXISTS when there is one of this name; DISK_FULL; STORE_UNREACHABLE, safe to run again
   */
  put(key: string, source: string | Uint8Array, options: { readonly signal: AbortSignal }): Promise<void>;
  /** @throws VectabaseError OBJECT_MISSING (proven absent), STORE_UNREACHABLE (nobody knows) */
  get(key: string, options: { readonly signal: AbortSignal }): Promise<Readable>;
  /** Undefined when it is proven absent. @throws VectabaseError STORE_UNREACHABLE */
  stat(key: string): Promise<StoredObject | undefined>;
  /** All keys that begin with a prefix, in ascending order of their bytes. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Where an object is as a file of this machine; undefined for stores elsewhere. */
  readonly fileOf?: (key: string) => string;
  /** An absent one is no error. */
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** Milliseconds since the epoch, by the clock of the store. */
  readonly modifiedAt: number;
}
