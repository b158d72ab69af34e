import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import path from 'node:path';
import type { StoredLetter } from '../services/auth/mail/transport.ts';
import { letterPage, listPage } from './inbox-pages.ts';

export const INBOX_PATH = '/inbox';
/** Letters that the list shows, newest first. */
const SHOWN = 200;

/**
 * The letters of an installation without a mail server, for whoever develops on this machine. They open accounts, so
 * nobody else may see them: not over the network, not through a proxy, and not a page of another site whose name was
 * pointed at this machine.
 *
 * `/inbox` lists, `/inbox/letters.json` is for scripts; `/inbox/ID` shows one, `/inbox/ID/body` alone what it holds.
 */
export function inbox(outbox: string): RequestListener {
  return (request, response) => {
    if (!isFromThisMachine(request)) return send(response, 404, 'text/plain', 'The inbox is for this machine alone.\n');
    answer(outbox, request.url ?? '', response).catch(() =>
      send(response, 500, 'text/plain', 'The outbox cannot be read.\n'),
    );
  };
}

async function answer(outbox: string, url: string, response: ServerResponse): Promise<void> {
  const route = url.split('?', 1)[0] ?? '';
  if (route === INBOX_PATH || route === `${INBOX_PATH}/`) {
    return send(response, 200, 'text/html', listPage(await readLetters(outbox)), PAGE_POLICY, { refresh: '5' });
  }
  if (route === `${INBOX_PATH}/letters.json`) {
    return send(response, 200, 'application/json', JSON.stringify(await readLetters(outbox)));
  }
  // The name of a file is matched whole, so that none leads out of the directory.
  const [, id, part] = /^\/inbox\/([0-9TZ]+-[0-9a-f]{8})(\/body)?$/.exec(route) ?? [];
  const letter = id === undefined ? undefined : await readLetter(path.join(outbox, `${id}.json`));
  if (!letter) return send(response, 404, 'text/plain', 'There is no such letter.\n');
  if (part === undefined) return send(response, 200, 'text/html', letterPage(letter), PAGE_POLICY);
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

function isFromThisMachine({ socket, headers, method }: IncomingMessage): boolean {
  const remote = socket.remoteAddress ?? '';
  const near = remote === '::1' || /^(::ffff:)?127\./.test(remote);
  const named = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(headers.host ?? '');
  const direct = headers['x-forwarded-for'] === undefined && headers['forwarded'] === undefined;
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
