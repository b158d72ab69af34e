import { createHash, type Hash } from 'node:crypto';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, type Extract, type Headers } from 'tar-stream';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { openSealed } from './container.ts';
import { openIn } from './opener.ts';
import { Manifest } from './manifest.ts';
import { baseObject } from './names.ts';
import { teller, type BackupObservation } from './observations.ts';
import { objectKey, type BackupEntry, type Repository } from './repository.ts';

export interface UnpackInput {
  readonly repository: Repository;
  readonly entry: BackupEntry;
  readonly identities: readonly AgeIdentity[];
}

/** One entry of the archive. `content` must be read to its end. */
export interface PackedFile {
  /** Relative, without `..`. */
  readonly name: string;
  readonly type: 'file' | 'directory';
  readonly mode: number;
  readonly content: AsyncIterable<Buffer>;
}

/**
 * Opens a backup, hands every file of it to `take`, and checks each against the server's own manifest.
 *
 * @returns files and bytes of the cluster
 * @throws VectabaseError BACKUP_DAMAGED, SECRETS_KEY_WRONG
 */
export async function unpack(
  input: UnpackInput,
  take: (file: PackedFile) => Promise<void>,
  ctx: JobContext<BackupObservation>,
): Promise<{ files: number; bytes: number }> {
  const { entry } = input;
  const [base] = entry.objects;
  const totalBytes = base?.plainBytes ?? 0;
  const began = ctx.clock.now();
  ctx.observe({ event: 'backup.check.started', id: entry.label, totalBytes });
  const tell = teller(ctx, (done) => ({ event: 'backup.check.progress', id: entry.label, bytes: done, totalBytes }));
  const manifest = new Manifest(await readManifest(input, ctx.signal));
  let bytes = 0;
  const archive = await openPart(input, 'base.tar', ctx.signal);
  const takeAll = async (files: Extract): Promise<void> => {
    for await (const packed of files) {
      const sum = { size: 0, hash: createHash('sha256') };
      const file = fileOf(packed.header, summing(packed, sum));
      await take(file);
      if (file.type === 'file') manifest.tick(file.name, sum.size, sum.hash.digest('hex'));
      bytes += sum.size;
      tell(bytes);
    }
  };
  await archive(async (plain) => {
    const files = extract();
    const work = [pipeline(plain, files, { signal: ctx.signal }), takeAll(files)];
    try {
      await Promise.all(work);
    } finally {
      await Promise.allSettled(work); // nobody writes any more when what was written is taken away
    }
  });
  manifest.assertAllTicked();
  ctx.observe({ event: 'backup.check.finished', id: entry.label, bytes, ms: ctx.clock.now() - began });
  return { files: manifest.files, bytes };
}

/** Files that nobody keeps. */
export async function skip({ content }: PackedFile): Promise<void> {
  for await (const _ of content);
}

interface Sum {
  size: number;
  readonly hash: Hash;
}

async function* summing(content: AsyncIterable<Buffer>, sum: Sum): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    sum.size += chunk.length;
    sum.hash.update(chunk);
    yield chunk;
  }
}

async function readManifest(input: UnpackInput, signal: AbortSignal): Promise<Buffer> {
  let bytes: Buffer | undefined;
  const read = await openPart(input, 'manifest', signal);
  await read(async (plain) => {
    bytes = await buffer(plain);
  });
  return bytes ?? Buffer.alloc(0);
}

/**
 * An object of this backup, of this cluster. A stranger can seal for the same public key: what has not the key that the
 * catalogue names is refused before it is read, and at its end what has not the catalogued bytes.
 */
async function openPart(
  { repository, entry, identities }: UnpackInput,
  part: 'base.tar' | 'manifest',
  signal: AbortSignal,
) {
  const { store } = repository;
  const opener = openIn(repository, identities);
  const object = baseObject(entry.label, part);
  const key = objectKey(entry, object);
  const name = `${store.url}/${key}`;
  const sum = { size: 0, hash: createHash('sha256') };
  const source = Readable.from(summing(await store.get(key, { signal }), sum), { objectMode: false });
  const expect = { object, systemId: entry.systemId };
  const { fingerprint, read } = await openSealed(source, { name, opener, expect });
  if (entry.keySha256 !== undefined && fingerprint !== entry.keySha256) {
    source.destroy();
    throw notCatalogued(name);
  }
  const catalogued = entry.objects.find((each) => each.object === object)?.sealedSha256;
  return async (sink: (plain: Readable) => Promise<void>): Promise<void> => {
    await read(sink);
    if (sum.hash.digest('hex') !== catalogued) throw notCatalogued(name);
  };
}

function notCatalogued(name: string): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `${name} opens, but is not the one that was catalogued: somebody else made it`,
    hint: 'Use another store, or an earlier backup: vectabase backup list.',
    details: { file: name },
  });
}

/** A dump is hostile territory: nothing of it may land outside of where it is unpacked. */
function fileOf(header: Headers, content: AsyncIterable<Buffer>): PackedFile {
  const name = path.posix.normalize(header.name).replace(/\/$/, '');
  const { type } = header;
  if (name.startsWith('/') || name === '..' || name.startsWith('../') || (type !== 'file' && type !== 'directory')) {
    throw new VectabaseError('BACKUP_DAMAGED', {
      message: `the archive holds an entry that no cluster has: ${JSON.stringify(header.name)} (${type ?? 'unknown'})`,
      hint: 'Use another backup: vectabase backup list.',
    });
  }
  return { name, type, mode: header.mode ?? 0o600, content };
}
