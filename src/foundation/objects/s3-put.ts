import type { S3mini } from 's3mini';
import { md5, type PartedSource } from './s3-source.ts';

interface PutInput {
  readonly key: string;
  readonly source: PartedSource;
  readonly client: S3mini;
  /** Sends `If-None-Match: *`. */
  readonly careful: S3mini;
  /** Tries a request again where that may help. */
  readonly again: <T>(request: () => Promise<T>) => Promise<T>;
}

/** Parts that are sent at the same time, and so in memory. */
const AT_ONCE = 2;

/** One request for what fits into one part, else an upload in parts. The object appears with the last request. */
export async function putObject(input: PutInput): Promise<void> {
  const { key, source, again } = input;
  if (source.parts > 1) return putParts(input);
  const body = await source.read(0);
  await conditional(input, async (client) =>
    again(async () => client.putObject(key, body, TYPE, undefined, sum(body), body.length)),
  );
}

const TYPE = 'application/octet-stream';

async function putParts(input: PutInput): Promise<void> {
  const { key, source, client, again } = input;
  const id = await again(async () => client.getMultipartUploadId(key, TYPE));
  const etags = new Map<number, string>();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < source.parts) {
      const number = next++;
      const body = await source.read(number);
      const { etag } = await again(async () => client.uploadPart(key, id, body, number + 1, {}, undefined, sum(body)));
      etags.set(number + 1, etag);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const parts = [...etags].map(([partNumber, etag]) => ({ partNumber, etag }));
    parts.sort((one, two) => one.partNumber - two.partNumber);
    await conditional(input, async (careful) => again(async () => careful.completeMultipartUpload(key, id, parts)));
  } catch (error) {
    // Parts of an upload that nobody ends are kept, and paid for.
    await client.abortMultipartUpload(key, id).catch(() => undefined);
    throw error;
  }
}

/** A server that knows no conditional writes says so with 501. */
async function conditional({ careful, client }: PutInput, work: (client: S3mini) => Promise<unknown>): Promise<void> {
  try {
    await work(careful);
  } catch (error) {
    if ((error as { status?: unknown }).status !== 501) throw error;
    await work(client);
  }
}

function sum(body: Buffer): Record<`x-amz-${string}`, string> {
  return { 'content-md5': md5(body).toString('base64') } as Record<`x-amz-${string}`, string>;
}
