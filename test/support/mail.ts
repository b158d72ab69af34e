import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SupabaseClient } from '@supabase/supabase-js';
import type { RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import type { StoredLetter } from '../../src/services/auth/mail/transport.ts';
import { startAuthServer, type AuthServer } from './auth.ts';
import { eventually } from './daemon.ts';

export interface MailServer extends AuthServer {
  /** All letters so far, oldest first. */
  letters(): Promise<StoredLetter[]>;
  /** Waits for the letter of this kind to this address that comes after those already given out. */
  letter(to: string, kind?: StoredLetter['kind']): Promise<ReadLetter>;
}

export interface ReadLetter extends StoredLetter {
  readonly link: string;
  readonly code: string;
}

/** An auth server whose letters land in files. Letters follow each other as quickly as the tests want. */
export async function startMailServer(
  auth: RuntimeConfig['auth'] = {},
  mail: RuntimeConfig['mail'] = {},
  more: Partial<RuntimeConfig> = {},
): Promise<MailServer> {
  const mailDirectory = mkdtempSync(path.join(tmpdir(), 'vt-letters-'));
  const server = await startAuthServer(
    { siteUrl: SITE, ...auth },
    { mail: { gapSeconds: 0, ...mail }, mailDirectory, mailOutbox: path.join(mailDirectory, 'outbox'), ...more },
  );
  const outbox = path.join(mailDirectory, 'outbox');
  const seen = new Set<string>();
  const letters = async (): Promise<StoredLetter[]> => {
    const files = (await readdir(outbox).catch(() => [])).filter((file) => file.endsWith('.json')).toSorted();
    return Promise.all(files.map(async (file) => JSON.parse(await readFile(path.join(outbox, file), 'utf8'))));
  };
  return {
    ...server,
    letters,
    async letter(to, kind) {
      const letter = await eventually(async () => {
        const all = await letters();
        return all.find((each) => each.to === to && !seen.has(each.id) && (kind ?? each.kind) === each.kind) ?? false;
      });
      if (!letter) throw new Error('the server ended');
      seen.add(letter.id);
      const link = /href="([^"]*\/verify\?[^"]*)"/.exec(letter.html)?.[1]?.replaceAll('&amp;', '&') ?? '';
      const code = />(\d{6,10})</.exec(letter.html)?.[1] ?? '';
      return { ...letter, link, code };
    },
    async stop() {
      await server.stop();
      rmSync(mailDirectory, { recursive: true });
    },
  };
}

/**
 * An account with a confirmed address and a client that is signed in to it, by a link: hashing a password takes most of
 * a test's time.
 */
export async function member(
  server: MailServer,
  email: string,
  options: { readonly password?: string; readonly flowType?: 'pkce' } = {},
): Promise<{ client: SupabaseClient; email: string; id: string }> {
  const { admin } = server.admin().auth;
  await admin.createUser({ email, email_confirm: true, ...(options.password && { password: options.password }) });
  const { data } = await admin.generateLink({ type: 'magiclink', email });
  const client = server.visitor(options.flowType ? { flowType: options.flowType } : {});
  const token_hash = data.properties?.hashed_token ?? '';
  const verified = await client.auth.verifyOtp({ token_hash, type: 'magiclink' });
  if (verified.error) throw verified.error;
  return { client, email, id: verified.data.user?.id ?? '' };
}

export const SITE = 'https://shop.example';
export const PASSWORD = 'correct horse battery';

/** Where a link leads, without going there. */
export async function follow(link: string, headers: Record<string, string> = {}): Promise<URL> {
  const response = await fetch(link, { redirect: 'manual', headers });
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${response.status} leads nowhere: ${await response.text()}`);
  return new URL(location, link);
}

/** What stands in the fragment of an address. */
export function fragment(url: URL): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(url.hash.slice(1)));
}
