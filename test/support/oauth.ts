import { get } from 'node:http';
import type { RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import { startMailServer, type MailServer } from './mail.ts';
import { CLIENT_ID, CLIENT_SECRET, startProviders, type ProviderStandIn } from './provider-standin.ts';

export interface OAuthServer extends MailServer {
  readonly provider: ProviderStandIn;
  readonly callback: string;
  /** Goes from `/authorize` to the provider, as a browser does. Gives the address that the provider sends back to. */
  visit(query: Record<string, string>): Promise<URL>;
  /** The whole way: where the browser ends, on a page of the site. */
  travel(query: Record<string, string>): Promise<URL>;
}

/** An auth server whose Google and Discord are stand-ins. */
export async function startOAuthServer(
  auth: RuntimeConfig['auth'] = {},
  mail: RuntimeConfig['mail'] = {},
): Promise<OAuthServer> {
  const provider = await startProviders();
  const client = { clientId: CLIENT_ID, secret: CLIENT_SECRET };
  const external = {
    google: { ...client, issuer: provider.google },
    discord: { ...client, issuer: provider.discord },
  };
  const server = await startMailServer(
    { manualLinking: true, redirectUrls: ['https://app.example/**', 'http://localhost:3000/**'], external, ...auth },
    mail,
  );
  const base = `${server.daemon.url}/auth/v1`;
  const callback = `${base}/callback`;
  provider.registered.add(callback);
  const visit = async (query: Record<string, string>): Promise<URL> => {
    const toProvider = await next(`${base}/authorize?${new URLSearchParams(query).toString()}`);
    return toProvider.href.startsWith(provider.url) ? next(toProvider.href) : toProvider;
  };
  return {
    ...server,
    provider,
    callback,
    visit,
    travel: async (query) => {
      const back = await visit(query);
      return back.href.startsWith(callback) ? next(back.href) : back;
    },
    async stop() {
      await server.stop();
      await provider.stop();
    },
  };
}

/** As `next`, by a browser: `fetch` does not let us say that this is a navigation. */
export async function navigate(address: string, cookie = ''): Promise<URL> {
  return new Promise((resolve, reject) => {
    const headers = { 'sec-fetch-mode': 'navigate', cookie };
    const request = get(address, { headers, agent: false }, (response) => {
      response.resume();
      const { location } = response.headers;
      if (location === undefined) reject(new Error(`${address} answers ${response.statusCode}`));
      else resolve(new URL(location, address));
    });
    request.once('error', reject);
  });
}

/** Where an address sends the browser to. */
export async function next(address: string, headers: Record<string, string> = {}): Promise<URL> {
  const response = await fetch(address, { redirect: 'manual', headers });
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${address} answers ${response.status}: ${await response.text()}`);
  return new URL(location, address);
}
