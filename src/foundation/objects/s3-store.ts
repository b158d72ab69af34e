import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { S3mini } from 's3mini';
import { messageOf, VectabaseError } from '../core/errors.ts';
import { assertKey, objectExists, objectMissing, storeFull, storeRefused, storeUnreachable } from './failures.ts';
import { withPatience } from './patience.ts';
import { retried } from './retry.ts';
import { putObject } from './s3-put.ts';
import { openSource } from './s3-source.ts';
import type { ObjectStore, StoredObject } from './store.ts';

export interface S3Place {
  readonly bucket: string;
  /** In front of every key, without `/` at its ends; may be empty. */
  readonly prefix: string;
  /** `https://s3.eu-central-1.amazonaws.com` */
  readonly endpoint: string;
  readonly region: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Milliseconds in which a request must make progress; 60 s unless told. */
  readonly patience?: number | undefined;
  /** Names in one answer of a listing: 1000, the most there can be, unless told. */
  readonly pageSize?: number | undefined;
}

/**
 * A bucket. That an object is never written over the server ensures (`If-None-Match: *`); one that knows no conditional
 * writes is asked before, which two writers at the same instant can slip through.
 */
export function s3Store(place: S3Place): ObjectStore {
  const { bucket, prefix, patience = 60_000, pageSize = 1000 } = place;
  const url = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  const head = prefix === '' ? '' : `${prefix}/`;
  const name = (key: string): string => {
    assertKey(key);
    return head + key;
  };
  const clientOf = (signal?: AbortSignal, headers: Record<string, string> = {}): S3mini =>
    new S3mini({
      endpoint: endpointOf(place),
      region: place.region,
      accessKeyId: place.accessKeyId,
      secretAccessKey: place.secretAccessKey,
      fetch: withPatience(patience, signal, headers),
    });
  const ask = async <T>(key: string, signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> =>
    retried(request, { mayRetry, signal }).catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : failure(error, url, key);
    });

  async function* list(start: string, most = pageSize, signal?: AbortSignal): AsyncGenerator<StoredObject> {
    let token: string | undefined;
    do {
      const page = await ask(start, signal, async () =>
        clientOf(signal).listObjectsPaged('/', head + start, most, token),
      );
      if (!page?.objects) throw storeUnreachable(url, 'there is no such bucket');
      for (const { Key: key, Size: bytes, LastModified: modified } of page.objects) {
        yield { key: key.slice(head.length), bytes, modifiedAt: new Date(modified).getTime() };
      }
      token = page.nextContinuationToken;
    } while (token !== undefined);
  }

  /** By listing, which tells length and time at once: the first name that begins with a key is the key. */
  const stat = async (key: string, signal?: AbortSignal): Promise<StoredObject | undefined> => {
    assertKey(key);
    for await (const found of list(key, 1, signal)) return found.key === key ? found : undefined;
    return undefined;
  };

  const holds = async (key: string, sha256: string, signal: AbortSignal): Promise<boolean> => {
    const answer = await ask(key, signal, async () => clientOf(signal).getObjectResponse(name(key)));
    if (!answer?.body) return false;
    const hash = createHash('sha256');
    for await (const chunk of answer.body) hash.update(chunk);
    return hash.digest('hex') === sha256;
  };

  return {
    url,
    put: async (key, from, { signal }) => {
      const source = await openSource(from);
      try {
        if (await stat(key, signal)) throw objectExists(url, key);
        const again = async <T>(request: () => Promise<T>): Promise<T> => retried(request, { mayRetry, signal });
        const careful = clientOf(signal, { 'if-none-match': '*' });
        await putObject({ key: name(key), source, client: clientOf(signal), careful, again }).catch(
          async (error: unknown) => {
            if (signal.aborted) throw signal.reason;
            // An answer may have been lost on the way: then what is there is ours.
            if (!(isTaken(error) && (await holds(key, await source.sha256(), signal)))) throw failure(error, url, key);
          },
        );
        const stored = await stat(key, signal);
        if (stored?.bytes !== source.bytes) throw storeUnreachable(url, `${key} did not arrive whole`);
      } finally {
        await source.close();
      }
    },
    get: async (key, { signal }) => {
      const answer = await ask(key, signal, async () => clientOf(signal).getObjectResponse(name(key)));
      if (!answer?.body) throw objectMissing(url, key);
      return toReadable(answer.body, (error) => (signal.aborted ? signal.reason : failure(error, url, key)));
    },
    stat,
    list,
    remove: async (key) => {
      await ask(key, undefined, async () => clientOf().deleteObject(name(key)));
    },
    close: async () => undefined,
  };
}

function endpointOf({ endpoint, bucket, pathStyle }: S3Place): string {
  const url = new URL(endpoint);
  if (pathStyle) url.pathname = `${url.pathname.replace(/\/$/, '')}/${bucket}`;
  else url.hostname = `${bucket}.${url.hostname}`;
  return url.href;
}

/** A connection that is cut in mid-object ends the stream with an error of ours. */
function toReadable(body: ReadableStream<Uint8Array>, told: (error: unknown) => unknown): Readable {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of body) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    } catch (error) {
      throw told(error);
    }
  };
  return Readable.from(chunks(), { objectMode: false });
}

/** What passes by itself: servers that are busy or restart, links that were cut. Not: what the server refused. */
function mayRetry(error: unknown): boolean {
  const status = statusOf(error);
  if (status === undefined) return !(error instanceof VectabaseError);
  return (status >= 500 && status !== 501 && status !== 507) || status === 429 || status === 409;
}

/** Somebody has put it, perhaps we: 412 for the condition, 404 for an upload in parts that was ended already. */
function isTaken(error: unknown): boolean {
  return [404, 409, 412].includes(statusOf(error) ?? 0);
}

function failure(error: unknown, url: string, key: string): unknown {
  if (error instanceof VectabaseError) return error;
  const status = statusOf(error);
  const code = (error as { code?: unknown }).code;
  if (status === 412 || status === 409) return objectExists(url, key, error);
  if (status === 507 || /Storage|Quota/.test(String(code))) return storeFull(url, error);
  if (status === 401 || status === 403) return storeRefused(url, `${status} ${String(code)}`, error);
  if (status === 404) return storeUnreachable(url, 'there is no such bucket', error);
  return storeUnreachable(url, reasonOf(error), error);
}

function statusOf(error: unknown): number | undefined {
  const { status } = error as { status?: unknown };
  return typeof status === 'number' && status > 0 ? status : undefined;
}

function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? messageOf(cause) : messageOf(error);
}
