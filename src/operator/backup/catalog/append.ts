import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Clock } from '../../../foundation/core/observe.ts';
import type { Signer } from '../../../foundation/crypto/signatures.ts';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import { catalogueBroken, proveLink, signerAfter, type CatalogueHead } from './chain.ts';
import { decodeDocument, documentKey, encodeDocument, NO_PREVIOUS, sha256Of } from './document.ts';
import type { CatalogueEntry } from './entries.ts';
import { ensureSigner, finishRotation, readHead, readTrustedKeys, rememberHead, type CatalogueHome } from './home.ts';
import { readCatalogue, readDocument } from './read.ts';

export interface CatalogueWriter {
  /** Signs and adds an entry. Returns when it is durable. @returns its number */
  readonly append: (entry: CatalogueEntry) => Promise<number>;
}

interface WriterInput {
  readonly store: ObjectStore;
  readonly systemId: string;
  readonly home: CatalogueHome;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Adds to a catalogue. Several may write at once: of two that want the same number the store takes one, and the other
 * reads what came before it and tries the next.
 *
 * @throws VectabaseError CATALOGUE_BROKEN: nothing is added to a chain that cannot be believed
 */
export function openWriter(input: WriterInput): CatalogueWriter {
  let end: End | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  const add = async (entry: CatalogueEntry): Promise<number> => {
    const { store, systemId, home, clock, signal } = input;
    // Read each time: another process may have rotated it.
    let signer = await ensureSigner(home);
    end ??= await findEnd(input);
    for (;;) {
      end = await advance(input, end);
      if (end.signer !== undefined && end.signer !== signer.publicKey) {
        signer = (await finishRotation(home, end.signer)) ?? signer;
      }
      assertOurTurn(systemId, end, signer, entry);
      const number = end.number + 1;
      const at = new Date(clock.now()).toISOString();
      const bytes = encodeDocument({ number, previous: end.sha256, systemId, at, entry }, signer);
      const sha256 = sha256Of(bytes);
      const put = await putFirst(store, documentKey(systemId, number), bytes, signal);
      // An answer may have been lost on the way: then the document that is there is ours.
      if (!put && sha256Of(await readDocument(store, systemId, number, signal)) !== sha256) continue;
      end = { number, sha256, signer: signerAfter(signer.publicKey, entry) };
      await rememberHead(home, systemId, store, { number, sha256 });
      return number;
    }
  };
  return {
    append: async (entry) => {
      const added = queue.then(async () => add(entry));
      queue = added.catch(() => undefined);
      return added;
    },
  };
}

/** The last document, and who has to sign the next one; undefined where anybody may begin. */
interface End extends CatalogueHead {
  readonly signer: string | undefined;
}

const BEGINNING: End = { number: 0, sha256: NO_PREVIOUS, signer: undefined };

/** What this machine remembers, or, where it remembers nothing, the end of the whole chain. */
async function findEnd({ store, systemId, home, signal }: WriterInput): Promise<End> {
  const head = await readHead(home, systemId, store);
  if (!head) {
    const trust = { keys: await readTrustedKeys(home) };
    const { documents, proof } = await readCatalogue(store, systemId, trust, signal);
    const last = documents.at(-1);
    return last ? { ...last, signer: proof.publicKey } : BEGINNING;
  }
  const bytes = await readIfThere(store, systemId, head.number, signal);
  const document = bytes && sha256Of(bytes) === head.sha256 ? decodeDocument(bytes) : undefined;
  if (typeof document === 'object') return { ...head, signer: signerAfter(document.key, document.entry) };
  const what = bytes ? 'is another one than this machine has seen' : 'is gone, which was there';
  throw catalogueBroken(systemId, 'rolled-back', head.number, what);
}

/** Takes in what others have added. */
async function advance({ store, systemId, signal }: WriterInput, from: End): Promise<End> {
  for (let end = from; ;) {
    const number = end.number + 1;
    const bytes = await readIfThere(store, systemId, number, signal);
    if (!bytes) return end;
    const { sha256, key, entry } = proveLink(systemId, { number, bytes }, end.sha256, end.signer);
    end = { number, sha256, signer: signerAfter(key, entry) };
  }
}

/** A document of another signer would make the whole chain a stranger's. */
function assertOurTurn(systemId: string, end: End, signer: Signer, entry: CatalogueEntry): void {
  if (end.signer === undefined || end.signer === signer.publicKey || entry.kind === 'key-adopted') return;
  throw new VectabaseError('BACKUP_KEY_MISSING', {
    message: `the catalogue of cluster ${systemId} is signed by ${end.signer}, and this machine has another key`,
    hint: 'Bring its catalogue.key back from a backup of the configuration, or go on with the new key: vectabase backup keys adopt.',
    details: { systemId, signer: end.signer, own: signer.publicKey },
  });
}

async function readIfThere(
  store: ObjectStore,
  systemId: string,
  number: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return readDocument(store, systemId, number, signal).catch((error: unknown) => {
    if (error instanceof VectabaseError && error.code === 'OBJECT_MISSING') return undefined;
    throw error;
  });
}

/** False when somebody else was first. */
async function putFirst(store: ObjectStore, key: string, bytes: Buffer, signal: AbortSignal): Promise<boolean> {
  return store.put(key, bytes, { signal }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof VectabaseError && error.code === 'OBJECT_EXISTS') return false;
      throw error;
    },
  );
}
