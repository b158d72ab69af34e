import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip, type Gzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';
import { releaseFiles } from '../package/release-files.ts';

/** The package at `root` as a stream of tar.gz, with a Node beside it where one is given. */
export async function packRelease(root: string, node: string | undefined): Promise<Gzip> {
  const files = await releaseFiles(root);
  const tar = pack();
  const gzip = createGzip({ level: 3 });
  void pipeline(tar, gzip).catch((error: unknown) => gzip.destroy(error as Error));
  void fill(tar, files, node).catch((error: unknown) => tar.destroy(error as Error));
  return gzip;
}

async function fill(
  tar: Pack,
  files: Awaited<ReturnType<typeof releaseFiles>>,
  node: string | undefined,
): Promise<void> {
  for (const { from, to, executable } of files) {
    const content = await readFile(from);
    await added(tar, { name: to, mode: executable ? 0o755 : 0o644 }, content);
  }
  if (node !== undefined) {
    const entry = tar.entry({ name: 'node-binary', mode: 0o755, size: (await stat(node)).size });
    await pipeline(createReadStream(node), entry);
  }
  tar.finalize();
}

async function added(tar: Pack, header: { name: string; mode: number }, content: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, content, (error) => (error ? reject(error) : resolve()));
  });
}
