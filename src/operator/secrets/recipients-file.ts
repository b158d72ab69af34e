import { readFile } from 'node:fs/promises';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { parseRecipient, type AgeRecipient } from '../../foundation/crypto/age-keys.ts';

/** One public key of the list, and whose it is: the comment behind or above it. */
export interface Recipient {
  readonly name: string | undefined;
  readonly age: AgeRecipient;
}

/**
 * The list that files are sealed for, in the form that `age -R` takes: one key a line, `#` begins a comment. The comment
 * above a key, or behind an SSH key, is its name.
 *
 * @throws VectabaseError SECRETS_FILE_INVALID
 */
export async function readRecipients(file: string): Promise<[Recipient, ...Recipient[]]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw invalid(file, `cannot be read: ${error.code ?? 'error'}`);
  });
  const found: Recipient[] = [];
  let comment: string | undefined;
  for (const [index, line] of text
    .split('\n')
    .map((each) => each.trim())
    .entries()) {
    if (line.startsWith('#')) {
      comment = line.replace(/^#+\s*/, '');
    } else if (line !== '') {
      const age = parseRecipient(line);
      if (age === undefined) throw invalid(file, `line ${index + 1} is no public key`);
      found.push({ name: comment ?? (line.slice(age.text.length).trim() || undefined), age });
      comment = undefined;
    }
  }
  const [first, ...more] = found;
  if (first === undefined) throw invalid(file, 'names nobody');
  return [first, ...more];
}

export async function writeRecipients(file: string, recipients: readonly Recipient[]): Promise<void> {
  const lines = recipients.map(({ name, age }) => `${name === undefined ? '' : `# ${name}\n`}${age.text}\n`);
  await writeDurably(file, lines.join(''), { mode: 0o644 });
}

function invalid(file: string, what: string): VectabaseError {
  return new VectabaseError('SECRETS_FILE_INVALID', {
    message: `${file} ${what}`,
    hint: `Correct it, or bring it back: git checkout -- ${file}. It holds one age1… or ssh-ed25519 key a line.`,
    details: { file },
  });
}
