import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../src/foundation/process/run.ts';
import { newIdentityFile, parseIdentities, parseRecipient } from '../../src/foundation/crypto/age-keys.ts';
import type { AgeIdentity, AgeRecipient } from '../../src/foundation/crypto/age-keys.ts';
import type { JobContext, Observation } from '../../src/foundation/core/observe.ts';
import { systemClock } from '../../src/foundation/core/observe.ts';
import { parseWalFile, WalSegments } from '../../src/operator/backup/names.ts';

/** A recovery key and its public half. */
export async function newKeys(): Promise<{ identities: AgeIdentity[]; recipients: AgeRecipient[] }> {
  const identities = (await parseIdentities(await newIdentityFile(0))) ?? [];
  return { identities, recipients: identities.flatMap(({ recipient }) => parseRecipient(recipient) ?? []) };
}

/** A segment as Postgres begins it, with noise behind. */
export function segmentFile(
  name: string,
  of: { systemId: string; segmentBytes?: number; timeline?: number } = { systemId: '7000' },
): Buffer {
  const file = parseWalFile(name);
  if (file === undefined || !('number' in file)) throw new Error(`no segment: ${name}`);
  const { systemId, segmentBytes = 1024 * 1024 } = of;
  const bytes = Buffer.alloc(segmentBytes);
  randomBytes(Math.floor(segmentBytes / 3)).copy(bytes, 8192);
  bytes.writeUInt16LE(0xd116, 0);
  bytes.writeUInt16LE(2, 2);
  bytes.writeUInt32LE(of.timeline ?? file.timeline, 4);
  bytes.writeBigUInt64LE(new WalSegments(segmentBytes).start(file.number), 8);
  bytes.writeBigUInt64LE(BigInt(systemId), 24);
  bytes.writeUInt32LE(segmentBytes, 32);
  return bytes;
}

/** Sends bytes to a socket and hears all that it answers. */
export async function talk(
  socket: string,
  bytes: Buffer | string,
  options: { readonly keepOpen?: boolean; readonly pieces?: number } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const client = connect({ path: socket, allowHalfOpen: true });
    const heard: Buffer[] = [];
    client.on('data', (chunk: Buffer) => heard.push(chunk));
    client.on('error', () => undefined);
    client.on('close', () => resolve(Buffer.concat(heard).toString('latin1')));
    client.on('end', () => client.end());
    const all = Buffer.from(bytes);
    for (let at = 0; at < all.length; at += options.pieces ?? all.length) {
      client.write(all.subarray(at, at + (options.pieces ?? all.length)));
    }
    if (options.keepOpen !== true) client.end();
  });
}

/** The first line of `archive_command`'s protocol, with the token that lies beside the socket. */
export async function archiveLine(directory: string, name: string, bytes: number): Promise<string> {
  return `VTA1 ${await readFile(path.join(directory, 'archive.token'), 'utf8')} ${name} ${bytes}\n`;
}

/** Runs a command line of Postgres as its shell would, in the data directory, `%p` and `%f` filled in. */
export async function runCommandLine(command: string, { cwd, ...place }: { cwd: string; p: string; f: string }) {
  const line = command.replaceAll(/%([pf%])/g, (_, what: 'p' | 'f' | '%') => (what === '%' ? '%' : place[what]));
  return run(['sh', '-c', line], { cwd });
}

/** A context that remembers what it was told. */
export function listening<O extends Observation>(): JobContext<O> & {
  readonly told: O[];
  readonly stop: AbortController;
} {
  const told: O[] = [];
  const stop = new AbortController();
  return { told, stop, observe: (each) => told.push(each), signal: stop.signal, clock: systemClock };
}
