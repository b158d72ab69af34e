import { VectabaseError } from '../../foundation/core/errors.ts';
import { parseRecipient } from '../../foundation/crypto/age-keys.ts';
import { secretsOf } from './document.ts';
import { readRecipients, type Recipient } from './recipients-file.ts';
import type { SecretStore } from './store.ts';

export interface ListedRecipient {
  readonly key: string;
  readonly name: string | null;
  /** The private half is what this command was run with. */
  readonly own: boolean;
}

export interface RecipientsList {
  readonly recipients: readonly ListedRecipient[];
  /** Public key of this machine, whether it is listed or not. */
  readonly own: string;
  readonly file: string;
}

export interface RecipientsChange extends RecipientsList {
  /** Environments that were sealed anew. */
  readonly sealed: readonly string[];
  /** Names that whoever was removed could read, and may still know. */
  readonly known: readonly string[];
}

export async function listRecipients(store: SecretStore): Promise<RecipientsList> {
  return listed(store, await readRecipients(store.paths.recipients));
}

/** @throws VectabaseError SECRET_INVALID for what is no public key */
export async function addRecipients(
  store: SecretStore,
  lines: readonly string[],
  name: string | undefined,
): Promise<RecipientsChange> {
  const given = lines.map((line) => parseGiven(line, name));
  return change(store, [], (known) => {
    const added = given.filter(({ age }) => !known.some((each) => each.age.text === age.text));
    return [...known, ...added];
  });
}

/**
 * Takes somebody off the list, by key or by name.
 *
 * @throws VectabaseError SECRET_MISSING, and PRECONDITION_FAILED for the last one
 */
export async function removeRecipient(store: SecretStore, keyOrName: string): Promise<RecipientsChange> {
  const names = new Set<string>();
  for (const environment of await store.environments()) {
    const document = await store.of(environment).read({ operation: 'recipients', names: [] });
    for (const { name } of secretsOf(document)) names.add(name);
  }
  return change(store, [...names].toSorted(), (before) => {
    const gone = findRecipients(before, keyOrName);
    const left = before.filter((each) => !gone.includes(each));
    if (left.length > 0) return left;
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'without the last public key nobody could open the secrets',
      hint: 'Add another one first: vectabase secrets recipients add KEY',
    });
  });
}

/** @throws VectabaseError SECRET_MISSING */
export function findRecipients(recipients: readonly Recipient[], keyOrName: string): Recipient[] {
  const wanted = parseRecipient(keyOrName)?.text;
  const found = recipients.filter(({ name, age }) => age.text === wanted || name === keyOrName);
  if (found.length > 0) return found;
  throw new VectabaseError('SECRET_MISSING', {
    message: 'nobody on the list has that key or name',
    hint: 'Run vectabase secrets recipients list, and give a key or a name of it.',
  });
}

async function change(
  store: SecretStore,
  known: readonly string[],
  make: (before: readonly Recipient[]) => readonly Recipient[],
): Promise<RecipientsChange> {
  const results = await store.rewrap({ operation: 'recipients' }, make);
  const sealed = results.filter((each) => each.change === 'written').map(({ environment }) => environment);
  return { ...(await listRecipients(store)), sealed, known };
}

function listed(store: SecretStore, recipients: readonly Recipient[]): RecipientsList {
  const own = new Set(store.identities.map(({ recipient }) => recipient));
  return {
    recipients: recipients.map(({ name, age }) => ({ key: age.text, name: name ?? null, own: own.has(age.text) })),
    own: store.identities[0].recipient,
    file: store.paths.recipients,
  };
}

function parseGiven(line: string, name: string | undefined): Recipient {
  const age = parseRecipient(line);
  if (age !== undefined) {
    const comment = line.trim().slice(age.text.length).trim();
    return { age, name: name ?? (comment === '' ? undefined : comment) };
  }
  const secret = line.includes('SECRET-KEY') || line.includes('PRIVATE KEY');
  throw new VectabaseError('SECRET_INVALID', {
    message: secret
      ? 'that is a private key: what is needed is its public half'
      : 'that is no public key: one begins with age1 or ssh-ed25519',
    hint: secret
      ? 'Whoever owns it runs age-keygen -y FILE, or vectabase secrets recipients list. Treat the private key as seen.'
      : 'RSA and ECDSA keys of SSH cannot be used. A colleague gets an age key by vectabase secrets recipients list.',
  });
}
