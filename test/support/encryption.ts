import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/foundation/core/observe.ts';
import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import type { Context, EncryptionObservation } from '../../src/operator/encryption/model.ts';
import type { TestCluster } from './cluster.ts';

export interface EncryptedDatabase {
  readonly target: DatabaseAddress;
  readonly admin: Session;
  readonly masterKey: Buffer;
}

/** A database with the platform's roles, the functions of encrypted columns, and `fixture`. */
export async function encryptedDatabase(
  cluster: TestCluster,
  name: string,
  fixture: string,
): Promise<EncryptedDatabase> {
  const target = await cluster.createDatabase(name);
  const admin = await Session.open(target, { applicationName: 'test' });
  await applyTemplates(admin, 'platform');
  await applyTemplates(admin, 'encryption');
  await admin.script(fixture);
  return { target, admin, masterKey: randomBytes(32) };
}

/** What a job is handed, and what it told. */
export function recorded(
  signal: AbortSignal = new AbortController().signal,
): Context & { told: EncryptionObservation[] } {
  const told: EncryptionObservation[] = [];
  return { told, observe: (each) => told.push(each), signal, clock: systemClock };
}

export async function one(session: Session, text: string, values: readonly unknown[] = []): Promise<unknown> {
  const [row] = await session.rows(text, values);
  return row && Object.values(row)[0];
}
