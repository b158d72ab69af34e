import { RestError } from './errors.ts';
import { loadSchema, type ReadSealed, type ReadTexts } from './schema/load.ts';
import type { SchemaCache } from './schema/model.ts';

interface StoreOptions {
  readonly schemas: readonly string[];
  readonly extraSearchPath: readonly string[];
  /** Told each time that the schema cannot be read, and why. */
  readonly onFailure: (error: unknown) => void;
}

/** Notifications come in bursts: a migration sends one per statement. */
const SETTLE = 100;
/** A client that asks for unknown things again and again must not keep the catalogue busy. */
const LOOK_AGAIN = 1_000;

/** Holds the schema, and reads it anew while the old one serves. */
export class SchemaStore {
  readonly #read: ReadTexts;
  readonly #options: StoreOptions;
  readonly #readSealed: ReadSealed | undefined;
  #cache: SchemaCache | undefined;
  #loading: Promise<SchemaCache> | undefined;
  #loadedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(read: ReadTexts, options: StoreOptions, readSealed?: ReadSealed) {
    this.#read = read;
    this.#options = options;
    this.#readSealed = readSealed;
  }

  /** What was read last, without waiting. */
  get last(): SchemaCache | undefined {
    return this.#cache;
  }

  /** @throws RestError PGRST002 when there is no schema yet and none can be read */
  async current(): Promise<SchemaCache> {
    return this.#cache ?? this.#firstLoad();
  }

  /** A newer schema than `known` for a request that missed something in it; undefined when there can be none yet. */
  async newer(known: SchemaCache): Promise<SchemaCache | undefined> {
    if (this.#cache && this.#cache.version !== known.version) return this.#cache;
    if (Date.now() - this.#loadedAt < LOOK_AGAIN) return undefined;
    return this.#load().catch(() => undefined);
  }

  /** Soon, once for all that ask within the next moment. A failure keeps what is there. */
  reload(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#load().catch(() => undefined);
    }, SETTLE);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #firstLoad(): Promise<SchemaCache> {
    try {
      return await this.#load();
    } catch {
      throw new RestError({
        status: 503,
        code: 'PGRST002',
        message: 'Could not query the database for the schema cache. Retrying.',
        headers: [['Retry-After', '1']],
      });
    }
  }

  async #load(): Promise<SchemaCache> {
    this.#loading ??= loadSchema(this.#read, this.#options, this.#readSealed, this.#cache)
      .then((cache) => (this.#cache = cache))
      .catch((error: unknown) => {
        this.#options.onFailure(error);
        throw error;
      })
      .finally(() => {
        this.#loading = undefined;
        this.#loadedAt = Date.now();
      });
    return this.#loading;
  }
}
