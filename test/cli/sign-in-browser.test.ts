import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { CLIENT_ID, CLIENT_SECRET, startProviders, type ProviderStandIn } from '../support/provider-standin.ts';
import { noProcessOf, up, type Command } from '../support/up.ts';

/** Debian's; another place by CHROMIUM. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const PASSWORD = 'correct horse battery';

describe.skipIf(!existsSync(CHROMIUM))('signing in with a browser', () => {
  const base = mkdtempSync(path.join(tmpdir(), 'vt-browser-'));
  let provider: ProviderStandIn;
  let site: Server;
  let siteUrl = '';
  let command: Command;
  let browser: Browser;
  let page: Page;
  let inboxUrl = '';

  beforeAll(async () => {
    provider = await startProviders();
    site = createServer((request, response) => {
      const script = request.url === '/supabase.js';
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
      response.end(script ? readFileSync(SUPABASE_JS) : sitePage(settings));
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const settings = { url: '', key: '' };
    const google = { clientId: CLIENT_ID, secret: CLIENT_SECRET, issuer: provider.google };
    command = up(path.join(base, 'd'), [], {
      env: { VECTABASE_AUTH_SITE_URL: siteUrl, VECTABASE_AUTH_EXTERNAL: JSON.stringify({ google }) },
    });
    const ready = await command.ready();
    [settings.url, settings.key, inboxUrl] = [ready.apiUrl, ready.anonKey, ready.inboxUrl ?? ''];
    provider.registered.add(`${ready.apiUrl}/auth/v1/callback`);
    // Root needs --no-sandbox; the pages are our own.
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await (await browser.newContext({ viewport: { width: 900, height: 700 } })).newPage();
  });

  afterAll(async () => {
    await browser?.close();
    await command?.stop();
    site?.close();
    await provider?.stop();
    rmSync(base, { recursive: true, force: true });
    await noProcessOf(base);
  });

  const status = async () => page.locator('#status').textContent();
  const shows = async (text: string) => page.locator('#status', { hasText: text }).waitFor();

  test('sign-up, the letter in the inbox, its link, a session that a reload keeps', async () => {
    await page.goto(siteUrl);
    await shows('signed out');
    await page.fill('#email', 'ada@shop.example');
    await page.fill('#password', PASSWORD);
    await page.click('#sign-up');
    await shows('see your mail');
    const inbox = await page.context().newPage();
    await inbox.goto(inboxUrl);
    const entry = inbox.getByRole('link', { name: /Confirm your e-mail address/ });
    await entry.waitFor();
    await shoot(inbox, 'inbox-list');
    await entry.click();
    const link = inbox.frameLocator('iframe').getByRole('link', { name: 'Confirm address' });
    await link.waitFor();
    await shoot(inbox, 'inbox-letter');
    await link.click();
    await inbox.waitForURL(`${siteUrl}/**`);
    await inbox.locator('#status', { hasText: 'ada@shop.example by email' }).waitFor();
    await inbox.reload();
    await inbox.locator('#status', { hasText: 'ada@shop.example by email' }).waitFor();
    await inbox.close();
    await page.reload();
    await shows('ada@shop.example by email');
    expect(await status()).toBe('ada@shop.example by email');
    await page.click('#sign-out');
    await shows('signed out');
  });

  test('Google, and back', async () => {
    provider.behaviour.account = { sub: '77', email: 'grace@shop.example', verified: true, name: 'Grace' };
    await page.click('#google');
    await page.waitForURL(`${siteUrl}/**`);
    await shows('grace@shop.example by google');
    await page.reload();
    await shows('grace@shop.example by google');
    expect(await status()).toBe('grace@shop.example by google');
    expect(page.url()).not.toContain('access_token');
  });

  test('a letter runs no script, loads nothing and is not shown to other sites', async () => {
    const { origin } = new URL(inboxUrl);
    for (const route of ['/inbox', '/inbox/letters.json', `/inbox/${'0'.repeat(36)}/letters.json`]) {
      expect((await fetch(`${origin}${route}`)).status).toBe(404);
    }
    const [first] = (await (await fetch(`${inboxUrl}/letters.json`)).json()) as Array<{ id: string }>;
    const body = await fetch(`${inboxUrl}/${first?.id}/body`);
    expect(body.headers.get('content-security-policy')).toMatch(
      /^sandbox allow-top-navigation-by-user-activation; default-src 'none'/,
    );
    for (const name of ['../../keys', '..%2f..%2fkeys', `${first?.id}/../../keys`]) {
      expect((await fetch(`${inboxUrl}/${name}`)).status).toBe(404);
    }
    const through = (headers: Record<string, string>) => fetch(inboxUrl, { headers }).then((answer) => answer.status);
    expect(await through({ 'x-forwarded-for': '203.0.113.9' })).toBe(404);
    expect(await through({ forwarded: 'for=203.0.113.9' })).toBe(404);
    expect(await through({ via: '1.1 proxy' })).toBe(404);
    expect(await through({ 'cf-connecting-ip': '203.0.113.9' })).toBe(404);
    expect((await fetch(inboxUrl, { method: 'POST' })).status).toBe(404);
  });
});

const SUPABASE_JS = assetPath('node_modules', '@supabase', 'supabase-js', 'dist', 'umd', 'supabase.js');

/** A page as a site's owner would write it, with the client as it is published. */
function sitePage({ url, key }: { url: string; key: string }): string {
  return `<!doctype html><meta charset="utf-8"><title>Shop</title><p id="status">…</p>
<input id="email"><input id="password" type="password"><button id="sign-up">Sign up</button>
<button id="google">Google</button><button id="sign-out">Sign out</button>
<script src="/supabase.js"></script><script>
const client = supabase.createClient(${JSON.stringify(url)}, ${JSON.stringify(key)});
const at = (id) => document.getElementById(id);
const tell = (text) => { at('status').textContent = text; };
client.auth.onAuthStateChange((event, session) =>
  tell(session ? session.user.email + ' by ' + session.user.app_metadata.provider : 'signed out'));
at('sign-up').onclick = async () => {
  const { error } = await client.auth.signUp({ email: at('email').value, password: at('password').value });
  tell(error ? error.message : 'see your mail');
};
at('google').onclick = () => client.auth.signInWithOAuth({ provider: 'google' });
at('sign-out').onclick = () => client.auth.signOut();
</script>`;
}

/** To be looked at by whoever changes the pages: VECTABASE_SCREENSHOTS=dir. */
async function shoot(page: Page, name: string): Promise<void> {
  const directory = process.env['VECTABASE_SCREENSHOTS'];
  if (directory !== undefined) await page.screenshot({ path: path.join(directory, `${name}.png`) });
}
