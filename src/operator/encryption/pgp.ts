import { VectabaseError } from '../../foundation/core/errors.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { ColumnFacts } from '../../foundation/encryption/table-facts.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';

export interface PgpOptions {
  readonly passphrases: readonly string[];
  readonly keepUnopened: boolean;
}

/**
 * Opens what the project kept under pgp_sym_encrypt, with whichever of the old passphrases fits.
 *
 * @param keepUnopened what none of them opens stays as it is, as the plaintext of its column
 * @returns the plaintext; `undefined` for what is no pgp message
 * @throws VectabaseError ENCRYPTION_BLOCKED when none fits
 */
export async function openPgp(
  session: Session,
  stored: Buffer,
  column: string,
  { passphrases, keepUnopened }: PgpOptions,
): Promise<Buffer | undefined> {
  if (!isPgp(stored)) return undefined;
  for (const passphrase of passphrases) {
    // A wrong passphrase is an error, and would end the transaction of the batch.
    await session.script('savepoint pgp');
    try {
      const [row] = await session.rows<{ plaintext: string }>(
        `select encode(extensions.pgp_sym_decrypt_bytea($1, $2), 'hex') as plaintext`,
        [stored, passphrase],
      );
      await session.script('release savepoint pgp');
      return Buffer.from(row?.plaintext ?? '', 'hex');
    } catch (error) {
      await session.script('rollback to savepoint pgp');
      if (!isSqlState(error, '39000')) throw error;
    }
  }
  if (keepUnopened) return undefined;
  throw new VectabaseError('ENCRYPTION_BLOCKED', {
    message: `${column} holds values that pgp_sym_encrypt made, and ${passphrases.length === 0 ? 'no passphrase was given' : 'none of the passphrases opens one of them'}`,
    hint: 'Run vectabase encryption apply --pgp-passphrase-file FILE, with one old passphrase on each line: the project may have used several. With --keep-unopened such values are encrypted as they stand.',
    details: { column, passphrases: passphrases.length },
  });
}

/** Whether a column holds such messages. Only bytea is looked at: pgp_sym_encrypt makes no other type. */
export async function holdsPgp(session: Session, { schema, table, column, type }: ColumnFacts): Promise<boolean> {
  if (type !== 'bytea') return false;
  const at = (from: number): string => `substring(${ident(column)} from ${from} for 1)`;
  const [row] = await session.rows<{ found: boolean }>(
    String.raw`select exists (select from ${ident(schema, table)} where ${at(3)} = '\x04'
      and (${at(1)} = '\x8c' or ${at(1)} = '\xc3' and ${at(2)} < '\xc0')) as found`,
  );
  return row?.found === true;
}

/** Begins with a packet of a key made from a passphrase, version 4 (RFC 4880, 4.2 and 5.3). */
function isPgp(bytes: Buffer): boolean {
  const [first = 0, second = 0, third = 0] = bytes;
  if (first === 0xc3) return second < 192 && third === 4;
  return first === 0x8c && third === 4;
}
