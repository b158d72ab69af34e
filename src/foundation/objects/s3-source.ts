import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** What is uploaded, cut into parts that fit into memory. */
export interface PartedSource {
  readonly bytes: number;
  /** At least one, which may be empty. */
  readonly parts: number;
  /** @param number from 0 */
  read(number: number): Promise<Buffer>;
  /** Of all of it, in hexadecimal. */
  sha256(): Promise<string>;
  close(): Promise<void>;
}

const MB = 1024 * 1024;
/** S3 wants parts of 5 MB at least and 10,000 at most. */
const LEAST_PART = 16 * MB;
const MOST_PARTS = 9_000;

export async function openSource(source: string | Uint8Array): Promise<PartedSource> {
  if (typeof source !== 'string') {
    const bytes = Buffer.from(source);
    return parted(
      bytes.length,
      async (at, length) => bytes.subarray(at, at + length),
      async () => undefined,
    );
  }
  const handle = await open(source, 'r');
  const { size } = await handle.stat();
  const read = async (at: number, length: number): Promise<Buffer> => {
    const part = Buffer.alloc(Math.min(length, size - at));
    const { bytesRead } = await handle.read(part, 0, part.length, at);
    return part.subarray(0, bytesRead);
  };
  return parted(size, read, async () => handle.close());
}

function parted(
  bytes: number,
  readAt: (at: number, length: number) => Promise<Buffer>,
  close: () => Promise<void>,
): PartedSource {
  const partBytes = Math.max(LEAST_PART, Math.ceil(bytes / MOST_PARTS / MB) * MB);
  const parts = Math.max(1, Math.ceil(bytes / partBytes));
  const read = async (number: number): Promise<Buffer> => readAt(number * partBytes, partBytes);
  const sha256 = async (): Promise<string> => {
    const hash = createHash('sha256');
    for (let number = 0; number < parts; number++) hash.update(await read(number));
    return hash.digest('hex');
  };
  return { bytes, parts, read, sha256, close };
}

/** Against bits that flip on the way, as S3 wants it; who may read and write, other hashes decide. */
export function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}
