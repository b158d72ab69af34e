import { keyed, open, type Route } from '../router.ts';

/** Providers that clients ask for by name; those of this installation are switched on by configuration. */
const PROVIDERS = [
  'apple',
  'azure',
  'bitbucket',
  'discord',
  'facebook',
  'figma',
  'fly',
  'github',
  'gitlab',
  'google',
  'kakao',
  'keycloak',
  'linkedin',
  'linkedin_oidc',
  'notion',
  'slack',
  'slack_oidc',
  'snapchat',
  'spotify',
  'twitch',
  'twitter',
  'workos',
  'x',
  'zoom',
];

export const serviceRoutes: readonly Route[] = [
  keyed('GET', '/settings', async (_call, { config, mail, providers }) => ({
    status: 200,
    body: {
      external: {
        ...Object.fromEntries([...PROVIDERS, ...providers.keys()].map((name) => [name, providers.has(name)])),
        anonymous_users: config.anonymousUsers,
        email: config.email,
        phone: false,
      },
      disable_signup: config.disableSignup,
      mailer_autoconfirm: config.autoconfirm || !mail.available,
      phone_autoconfirm: false,
      sms_provider: '',
      saml_enabled: false,
      passkeys_enabled: false,
    },
  })),
  keyed('GET', '/health', async () => ({
    status: 200,
    body: { version: 'vectabase', name: 'GoTrue', description: 'GoTrue is a user registration and authentication API' },
  })),
  open('GET', '/.well-known/jwks.json', async (_call, { keys, now }) => ({
    status: 200,
    headers: [['Cache-Control', 'public, max-age=600']],
    body: keys().publicKeys(now()),
  })),
];
