import { AuthError } from '../errors.ts';
import { forUser, type Route } from '../router.ts';
import { audit } from '../store/audit.ts';
import { deleteSession, deleteSessionsOf } from '../store/sessions.ts';

export const logoutRoutes: readonly Route[] = [
  forUser('POST', '/logout', async ({ request, query, user, session }, { database, now }) => {
    const scope = query.get('scope') ?? 'global';
    if (!['global', 'local', 'others'].includes(scope)) {
      throw new AuthError('validation_failed', `Unsupported logout scope "${scope}"`);
    }
    await database.transaction(async (tx) => {
      await audit(tx, 'logout', { actor: user, ip: request.ip, traits: { scope } }, now());
      // A token without a session was not given out here; ending all is the safe reading of any wish.
      if (scope === 'local' && session) await deleteSession(tx, session.id);
      else await deleteSessionsOf(tx, user.id, scope === 'others' ? session?.id : undefined);
    });
    return { status: 204 };
  }),
];
