import { VectabaseError } from '../../../foundation/core/errors.ts';
import { decodeDocument, documentKey, NO_PREVIOUS, sha256Of, type CatalogueDocument } from './document.ts';
import type { CatalogueEntry } from './entries.ts';

/** What this machine remembers of a catalogue: nothing before it can be taken away without being noticed. */
export interface CatalogueHead {
  readonly number: number;
  readonly sha256: string;
}

export interface Trust {
  /** Public keys (`ed25519:…`) that the reader has from elsewhere: /etc, the recovery kit. Empty: nobody is known. */
  readonly keys: readonly string[];
  readonly head?: CatalogueHead | undefined;
}

/** What could be proved, for whoever reports it. */
export interface ChainProof {
  /** `remembered`: up to what this machine last saw. `signed`: whole, but a cut tail cannot be told. `first-use`: by a key that nobody vouched for. */
  readonly trust: 'remembered' | 'signed' | 'first-use';
  /** The key that signs now. */
  readonly publicKey: string | undefined;
}

/** A document where it was found: its number by its name. */
export interface FoundDocument {
  readonly number: number;
  readonly bytes: Buffer;
}

/**
 * Proves that documents are one unbroken chain of one cluster, signed by whom the reader trusts.
 *
 * @param found in ascending order of their numbers
 * @throws VectabaseError CATALOGUE_BROKEN with `details.reason`: missing, changed, foreign, rolled-back, newer
 */
export function proveChain(
  systemId: string,
  found: readonly FoundDocument[],
  trust: Trust,
): { documents: CatalogueDocument[]; proof: ChainProof } {
  const documents = found.map((each, index) => link(systemId, each, index, found));
  assertHead(systemId, documents, trust.head);
  const publicKey = assertSigners(systemId, documents, trust.keys);
  const known = trust.keys.length > 0;
  return { documents, proof: { trust: !known ? 'first-use' : trust.head ? 'remembered' : 'signed', publicKey } };
}

/** Who has to sign what follows an entry. */
export function signerAfter(signer: string, entry: CatalogueEntry): string {
  return entry.kind === 'key-rotated' ? entry.publicKey : signer;
}

/**
 * One more document behind a head that is proved, by the same signer.
 *
 * @throws VectabaseError CATALOGUE_BROKEN
 */
export function proveLink(
  systemId: string,
  found: FoundDocument,
  previous: string,
  signer: string | undefined,
): CatalogueDocument {
  const document = linkTo(systemId, found, previous);
  if (signer === undefined || document.key === signer) return document;
  throw catalogueBroken(systemId, 'foreign', found.number, `is signed by ${document.key}, a stranger`);
}

function link(
  systemId: string,
  { number, bytes }: FoundDocument,
  index: number,
  found: readonly FoundDocument[],
): CatalogueDocument {
  if (number !== index + 1) throw catalogueBroken(systemId, 'missing', index + 1, 'is missing');
  const before = found[index - 1];
  return linkTo(systemId, { number, bytes }, before ? sha256Of(before.bytes) : NO_PREVIOUS);
}

function linkTo(systemId: string, { number, bytes }: FoundDocument, previous: string): CatalogueDocument {
  const broken = (reason: BrokenReason, what: string): VectabaseError =>
    catalogueBroken(systemId, reason, number, what);
  const document = decodeDocument(bytes);
  if (document === 'newer') throw broken('newer', 'was written by a newer release of Vectabase');
  if (document === 'signature') throw broken('changed', 'does not fit its signature');
  if (document === 'not-ours') throw broken('changed', 'is not what was written');
  if (document.systemId !== systemId) throw broken('foreign', `belongs to cluster ${document.systemId}`);
  if (document.number !== number) throw broken('changed', `says that it is number ${document.number}`);
  if (document.previous !== previous) throw broken('changed', 'does not continue the one before it');
  return document;
}

function assertHead(systemId: string, documents: readonly CatalogueDocument[], head: CatalogueHead | undefined): void {
  if (!head) return;
  const remembered = documents[head.number - 1];
  if (remembered?.sha256 === head.sha256) return;
  throw remembered
    ? catalogueBroken(systemId, 'rolled-back', head.number, 'is another one than this machine has seen')
    : catalogueBroken(systemId, 'rolled-back', documents.length + 1, `up to ${head.number} are gone, which were there`);
}

/**
 * The last document of a trusted key vouches for all before it, by the hash in it. Behind it, every change of the
 * signer must be a hand-over by the one before.
 */
function assertSigners(
  systemId: string,
  documents: readonly CatalogueDocument[],
  trusted: readonly string[],
): string | undefined {
  const [first] = documents;
  if (!first) return undefined;
  const vouched = documents.findLastIndex(({ key }) => trusted.length === 0 || trusted.includes(key));
  if (vouched === -1) {
    throw catalogueBroken(systemId, 'foreign', first.number, `and all after it are signed by ${first.key}, a stranger`);
  }
  let signer = (documents[vouched] ?? first).key;
  for (const { number, key, entry } of documents.slice(vouched)) {
    if (key !== signer) throw catalogueBroken(systemId, 'foreign', number, `is signed by ${key}, a stranger`);
    signer = signerAfter(key, entry);
  }
  return signer;
}

export type BrokenReason = 'missing' | 'changed' | 'foreign' | 'rolled-back' | 'newer';

export function catalogueBroken(systemId: string, reason: BrokenReason, number: number, what: string): VectabaseError {
  return new VectabaseError('CATALOGUE_BROKEN', {
    message: `the catalogue of cluster ${systemId} cannot be believed: document ${number} ${what}`,
    hint: HINTS[reason],
    details: { reason, systemId, number, key: documentKey(systemId, number) },
  });
}

const HINTS: Readonly<Record<BrokenReason, string>> = {
  missing:
    'Somebody took it away: bring it back from another store, which vectabase backup list --from STORE reads. Nothing is pruned until then.',
  changed:
    'Somebody wrote over it: bring it back from another store, which vectabase backup list --from STORE reads. Nothing is pruned until then.',
  foreign:
    'Somebody else may have made it with your public key. If you moved to a new machine, name the catalogue key of its recovery kit: --catalogue-key KEY.',
  'rolled-back':
    'Somebody brought back an older state, or this store lags: vectabase backup list --from STORE shows what another one holds.',
  newer: 'Use that release, or a later one.',
};
