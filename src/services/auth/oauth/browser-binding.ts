import type { AuthRequest } from '../message.ts';

/**
 * Ties a sign-in at a provider to the browser that began it, so that nobody is signed in to an attacker's account by
 * following a link to the end of the attacker's own flow. With PKCE the page's verifier does this; an implicit flow has
 * only the browser, so it gets a cookie. Asked of what a browser itself calls a navigation: programs that follow
 * redirects on their own have no victim in front of them.
 */
export function bindingCookie(state: string, callback: string): string {
  const { pathname, protocol } = new URL(callback);
  const secure = protocol === 'https:' ? '; Secure' : '';
  return `${nameOf(state)}=${state}; Path=${pathname}; Max-Age=600; HttpOnly; SameSite=Lax${secure}`;
}

export function isSameBrowser(state: string, { headers }: Pick<AuthRequest, 'headers'>): boolean {
  if (headers['sec-fetch-mode'] !== 'navigate') return true;
  const cookies = (headers['cookie'] ?? '').split(';').map((each) => each.trim());
  return cookies.includes(`${nameOf(state)}=${state}`);
}

/** One for each flow: two tabs may be on their way at once. */
function nameOf(state: string): string {
  return `vectabase-flow-${state.slice(0, 8)}`;
}
