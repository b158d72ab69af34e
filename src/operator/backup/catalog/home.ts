import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { makeDirectory, ownerToBe, writeDurably } from '../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { contentLines } from '../../../foundation/crypto/age-keys.ts';
import { isPublicKey, newSigningPem, openSigner, type Signer } from '../../../foundation/crypto/signatures.ts';
import type { CatalogueHead } from './chain.ts';

/**
 * What a machine keeps of its backups outside of them, so that whoever has the backups cannot change it: the key that
 * signs the catalogue, and how far the catalogue was seen.
 */
export interface CatalogueHome {
  readonly directory: string;
}

/** The machine's signing key, made at the first call. Its private half (0600) never leaves the machine. */
export async function ensureSigner(home: CatalogueHome): Promise<Signer> {
  const { signer, made } = (await readSigner(home)) ?? (await newSigner(home));
  if (made || !(await readTrustedKeys(home)).includes(signer.publicKey)) await trustKey(home, signer.publicKey);
  return signer;
}

/**
 * Makes the next signing key and takes it into use when `publish` has told the catalogues.
 *
 * @returns its public half
 */
export async function rotateSigner(
  home: CatalogueHome,
  publish: (publicKey: string) => Promise<void>,
): Promise<string> {
  const pem = newSigningPem();
  const next = openSigner(pem);
  if (!next) throw new Error('a new key cannot sign');
  await write(nextFile(home), pem, 0o600);
  await trustKey(home, next.publicKey);
  await publish(next.publicKey);
  await rename(nextFile(home), privateFile(home));
  return next.publicKey;
}

/** The signer of a rotation that was killed after the catalogue had heard of it. */
export async function finishRotation(home: CatalogueHome, publicKey: string): Promise<Signer | undefined> {
  const signer = openSigner(await readOrEmpty(nextFile(home)));
  if (signer?.publicKey !== publicKey) return undefined;
  await rename(nextFile(home), privateFile(home));
  return signer;
}

/** Public keys that this machine believes; empty on one that made no backup yet. */
export async function readTrustedKeys(home: CatalogueHome): Promise<string[]> {
  const lines = contentLines(await readOrEmpty(publicFile(home)));
  const wrong = lines.find((line) => !isPublicKey(line));
  if (wrong === undefined) return lines;
  throw new VectabaseError('BACKUP_KEY_MISSING', {
    message: `${publicFile(home)} holds a line that is no public key`,
    hint: 'Correct it: one ed25519:… key a line, as the recovery kit has it.',
    details: { file: publicFile(home) },
  });
}

export async function trustKey(home: CatalogueHome, publicKey: string): Promise<void> {
  // The one that was added last is the one that signs.
  const lines = [...(await readTrustedKeys(home)).filter((line) => line !== publicKey), publicKey];
  await write(publicFile(home), lines.map((line) => `${line}\n`).join(''), 0o644);
}

/** By cluster and store: one that is copied to later is behind, and not rolled back. */
const HEADS = z.record(z.string(), z.strictObject({ number: z.int().min(1), sha256: z.string() }));

/** How far this machine has seen the catalogue of a cluster in a store. */
export async function readHead(
  home: CatalogueHome,
  systemId: string,
  { url }: { readonly url: string },
): Promise<CatalogueHead | undefined> {
  return (await readHeads(home))[`${systemId} ${url}`];
}

/** Clusters whose catalogue this machine has seen or written, in any store. */
export async function seenSystems(home: CatalogueHome): Promise<ReadonlySet<string>> {
  return new Set(Object.keys(await readHeads(home)).map((name) => name.slice(0, name.indexOf(' '))));
}

/** Forwards only: an older state of the catalogue must never become what is remembered. */
export async function rememberHead(
  home: CatalogueHome,
  systemId: string,
  { url }: { readonly url: string },
  { number, sha256 }: CatalogueHead,
): Promise<void> {
  const heads = await readHeads(home);
  const name = `${systemId} ${url}`;
  if ((heads[name]?.number ?? 0) >= number) return;
  await write(headsFile(home), `${JSON.stringify({ ...heads, [name]: { number, sha256 } }, null, 2)}\n`, 0o600);
}

async function readHeads(home: CatalogueHome): Promise<z.output<typeof HEADS>> {
  const text = await readOrEmpty(headsFile(home));
  if (text === '') return {};
  const heads = HEADS.safeParse(attempt(() => JSON.parse(text) as unknown));
  if (heads.success) return heads.data;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${headsFile(home)} is damaged: what this machine remembers of its catalogue cannot be read`,
    hint: 'Compare the stores with vectabase backup list --from STORE, then remove the file.',
    details: { file: headsFile(home) },
  });
}

async function readSigner(home: CatalogueHome): Promise<{ signer: Signer; made: false } | undefined> {
  const pem = await readOrEmpty(privateFile(home));
  if (pem === '') return undefined;
  const signer = openSigner(pem);
  if (signer) return { signer, made: false };
  throw new VectabaseError('BACKUP_KEY_MISSING', {
    message: `${privateFile(home)} holds no key that can sign`,
    hint: 'Bring the file back from a backup of the configuration, or remove it to begin with a new key.',
    details: { file: privateFile(home) },
  });
}

async function newSigner(home: CatalogueHome): Promise<{ signer: Signer; made: true }> {
  const pem = newSigningPem();
  const signer = openSigner(pem);
  if (!signer) throw new Error('a new key cannot sign');
  await write(privateFile(home), pem, 0o600);
  return { signer, made: true };
}

async function write(file: string, text: string, mode: number): Promise<void> {
  await makeDirectory(path.dirname(file));
  await writeDurably(file, text, { mode, owner: await ownerToBe(path.dirname(file)) });
}

async function readOrEmpty(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

const privateFile = ({ directory }: CatalogueHome): string => path.join(directory, 'catalogue.key');
const nextFile = ({ directory }: CatalogueHome): string => path.join(directory, 'catalogue.key.next');
const publicFile = ({ directory }: CatalogueHome): string => path.join(directory, 'catalogue.pub');
const headsFile = ({ directory }: CatalogueHome): string => path.join(directory, 'heads.json');
