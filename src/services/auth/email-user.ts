import { randomUUID } from 'node:crypto';
import type { JsonObject } from './body.ts';
import { databaseStep } from './pg-errors.ts';
import { insertIdentity } from './store/identities.ts';
import type { Tx } from './store/rows.ts';
import { insertUser, type UserRow } from './store/users.ts';

export const EMAIL_PROVIDER = { provider: 'email', providers: ['email'] };

/** Makes an account whose address nobody has confirmed yet. */
export async function makeEmailUser(
  tx: Tx,
  wanted: { readonly email: string; readonly passwordHash: string | undefined; readonly data: JsonObject },
  now: number,
): Promise<UserRow> {
  const { email, passwordHash, data } = wanted;
  return databaseStep('Database error saving new user', async () => {
    const id = randomUUID();
    const claims = { sub: id, email, email_verified: false, phone_verified: false };
    const user = await insertUser(
      tx,
      { id, email, passwordHash, appMetadata: EMAIL_PROVIDER, userMetadata: { ...data, ...claims } },
      now,
    );
    await insertIdentity(tx, { userId: id, provider: 'email', providerId: id, data: { email } }, now);
    return user;
  });
}
