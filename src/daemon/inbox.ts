import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import path from 'node:path';
import type { StoredLetter } from '../services/auth/mail/transport.ts';
import { isSame } from '../services/auth/digest.ts';
import { letterPage, listPage } from './inbox-pages.ts';

export const INBOX_PATH = '/inbox';
/** Letters that the list shows, newest first. */
const SHOWN = 200;

/**
 * The letters of an installation without a mail server, for whoever develops on this machine. They open accounts, so
 * nobody else may see them: not over the network, not through a proxy, and not a page of another site whose name was
 * pointed at this machine. Not every proxy says that it is one, so the address holds a key that `up` alone tells.
 *
 * `/inbox/KEY` lists, `/inbox/KEY/letters.json` is for scripts; `/inbox/KEY/ID` shows one, `/inbox/KEY/ID/body` alone
 * what it holds.
 */
export function inbox(outbox: string, key: string): RequestListener {
  return (request, response) => {
    const [given = '', ...rest] = pathOf(request)
      .slice(INBOX_PATH.length + 1)
      .split('/');
    if (!isFromThisMachine(request) || !isSame(given, key)) {
      return send(
        response,
        404,
        'text/plain',
        'The inbox is for this machine alone, at the address that `up` prints.\n',
      );
    }
    answer(outbox, `/${rest.join('/')}`, `${INBOX_PATH}/${key}`, response).catch(() =>
      send(response, 500, 'text/plain', 'The outbox cannot be read.\n'),
    );
  };
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

async function answer(outbox: string, route: string, base: string, response: ServerResponse): Promise<void> {
  if (route === '/') {
    return send(response, 200, 'text/html', listPage(base, await readLetters(outbox)), PAGE_POLICY, { refresh: '5' });
  }
  if (route === '/letters.json') {
    return send(response, 200, 'application/json', JSON.stringify(await readLetters(outbox)));
  }
  // The name of a file is matched whole, so that none leads out of the directory.
  const [, id, part] = /^\/([0-9TZ]+-[0-9a-f]{8})(\/body)?$/.exec(route) ?? [];
  const letter = id === undefined ? undefined : await readLetter(path.join(outbox, `${id}.json`));
  if (!letter) return send(response, 404, 'text/plain', 'There is no such letter.\n');
  if (part === undefined) return send(response, 200, 'text/html', letterPage(base, letter), PAGE_POLICY);
  // A click on a link leaves the frame.
  send(response, 200, 'text/html', `<base target="_top">${letter.html}`, LETTER_POLICY);
}

async function readLetters(outbox: string): Promise<StoredLetter[]> {
  const files = (await readdir(outbox)).filter((file) => file.endsWith('.json')).toSorted();
  const letters = await Promise.all(files.slice(-SHOWN).map((file) => readLetter(path.join(outbox, file))));
  return letters.filter((letter) => letter !== undefined).toReversed();
}

async function readLetter(file: string): Promise<StoredLetter | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as StoredLetter;
  } catch {
    return undefined;
  }
}

/** What proxies add to the requests of others. */
const PROXIED = /^(x-forwarded-.*|forwarded|via|x-real-ip|x-client-ip|true-client-ip|cf-.*)$/;

function isFromThisMachine({ socket, headers, method }: IncomingMessage): boolean {
  const remote = socket.remoteAddress ?? '';
  const near = remote === '::1' || /^(::ffff:)?127\./.test(remote);
  const named = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(headers.host ?? '');
  const direct = !Object.keys(headers).some((name) => PROXIED.test(name));
  return near && named && direct && (method === 'GET' || method === 'HEAD');
}

/** What the pages themselves need, and nothing from anywhere else. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** A letter is what strangers wrote: no script, nothing that is loaded, only links that are clicked. */
const LETTER_POLICY =
  "sandbox allow-top-navigation-by-user-activation; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  policy = "default-src 'none'",
  more: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...more,
  });
  response.end(body);
}
