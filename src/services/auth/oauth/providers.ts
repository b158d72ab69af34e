import { discordAccount } from './discord.ts';
import { githubAccount } from './github.ts';
import { oauth2Provider } from './oauth2.ts';
import { openidProvider } from './oidc.ts';
import type { Provider, ProviderSettings } from './provider.ts';

const GOOGLE = 'https://accounts.google.com';

/**
 * The providers that are set up. Google, Discord and GitHub are known by name; any other name needs the `issuer` of an
 * OpenID Connect provider.
 *
 * @param callbackUrl where providers send people back to, unless a provider's own setting says otherwise
 */
export function makeProviders(
  settings: Readonly<Record<string, ProviderSettings>>,
  callbackUrl: string,
): ReadonlyMap<string, Provider> {
  const enabled = Object.entries(settings).filter(([, each]) => each.enabled !== false);
  return new Map(enabled.map(([name, each]) => [name, makeProvider(name, each, each.redirectUri ?? callbackUrl)]));
}

function makeProvider(name: string, settings: ProviderSettings, redirectUri: string): Provider {
  if (name === 'discord') return discord(settings, redirectUri);
  if (name === 'github') return github(settings, redirectUri);
  const issuer = settings.issuer ?? (name === 'google' ? GOOGLE : undefined);
  if (issuer === undefined) throw new Error(`the provider ${name} needs an issuer`);
  // Tokens that Google's older SDKs hand to an app name the issuer without the scheme.
  const aliases = issuer === GOOGLE ? ['accounts.google.com'] : [];
  return openidProvider(name, { ...settings, issuer, aliases }, redirectUri);
}

function discord(settings: ProviderSettings, redirectUri: string): Provider {
  const api = settings.issuer ?? 'https://discord.com/api';
  return oauth2Provider('discord', settings, redirectUri, {
    issuer: api,
    authorizationEndpoint: `${api}/oauth2/authorize`,
    tokenEndpoint: `${api}/oauth2/token`,
    scopes: ['email', 'identify'],
    account: async (get) => discordAccount(api, await get(`${api}/users/@me`)),
  });
}

/** @param settings with `issuer` for GitHub Enterprise: its address */
function github(settings: ProviderSettings, redirectUri: string): Provider {
  const web = settings.issuer ?? 'https://github.com';
  const api = settings.issuer === undefined ? 'https://api.github.com' : `${settings.issuer}/api/v3`;
  return oauth2Provider('github', settings, redirectUri, {
    issuer: web,
    authorizationEndpoint: `${web}/login/oauth/authorize`,
    tokenEndpoint: `${web}/login/oauth/access_token`,
    scopes: ['user:email'],
    account: async (get) => {
      const [user, emails] = await Promise.all([get(`${api}/user`), get(`${api}/user/emails`)]);
      return githubAccount(api, user, Array.isArray(emails) ? emails : []);
    },
  });
}
