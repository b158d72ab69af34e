import { messageOf } from '../../../foundation/core/errors.ts';
import { text } from '../body.ts';
import { readEmail } from '../identifiers.ts';
import { forAdmin, type Route } from '../router.ts';

/** Our own: `vectabase auth test-mail` asks whether letters leave, by the way that they all leave. */
export const testMailRoutes: readonly Route[] = [
  forAdmin('POST', '/admin/test-mail', async (call, { mail }) => {
    const to = readEmail(text(call.body(), 'to') ?? '');
    try {
      return { status: 200, body: { templateProblems: await mail.test(to) } };
    } catch (error) {
      return { status: 502, body: { reason: messageOf(error).slice(0, 500) } };
    }
  }),
];
