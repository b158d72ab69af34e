import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { readSealedColumns, type SealedColumns } from '../foundation/encryption/sealed-columns.ts';
import { isConnectionLost } from '../foundation/postgres/errors.ts';
import { Session } from '../foundation/postgres/session.ts';
import { databaseAddress } from './database-address.ts';

/**
 * Requirement 1.5: with encrypted columns there is no serving without the key that opens them. A database that does not
 * answer yet is asked again when the schema is read.
 *
 * @throws VectabaseError MASTER_KEY_MISSING, MASTER_KEY_WRONG, ENCRYPTION_DAMAGED
 */
export async function checkMasterKey(config: RuntimeConfig): Promise<void> {
  let session: Session;
  try {
    session = await Session.open(databaseAddress(config), { applicationName: 'vectabase key check' });
  } catch (error) {
    if (isConnectionLost(error)) return;
    throw error;
  }
  try {
    await sealedColumnsOf(session, config.masterKeyFile);
  } finally {
    await session.close();
  }
}

async function sealedColumnsOf(
  session: Session,
  masterKeyFile: string | undefined,
): Promise<SealedColumns | undefined> {
  const read = async (text: string): Promise<string> => {
    const [row] = await session.rows<Record<string, string>>(text);
    return Object.values(row ?? {})[0] ?? 'null';
  };
  return readSealedColumns(read, masterKeyFile);
}
