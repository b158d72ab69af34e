/**
 * Writes `vectabase-VERSION-PLATFORM.tar.gz`: the package with everything that it needs to run, for machines without npm
 * or a network. Prints its SHA-256. Needs a build.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const { packRelease } = await import(
  pathToFileURL(path.join(root, 'dist/operator/provision/install/remote/pack.js')).href
);

const file = path.resolve(process.argv[2] ?? `vectabase-${version}-${process.platform}-${process.arch}.tar.gz`);
await pipeline(await packRelease(root.replace(/\/$/, ''), undefined), createWriteStream(file));
const hash = createHash('sha256');
for await (const chunk of createReadStream(file)) hash.update(chunk);
process.stdout.write(`${hash.digest('hex')}  ${file}\n`);
