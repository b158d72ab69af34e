/**
 * The secrets that a project of this kind needs: the seven of requirement 9.3, those of its functions, and those of the
 * services here. `secrets check` asks for them by part; the daemon hands each service its own and no others.
 */
export const PARTS = ['stripe', 'paypal', 'discord', 'roblox', 'mail', 'functions', 'auth'] as const;
export type Part = (typeof PARTS)[number];

export const SERVICES = ['auth', 'functions', 'bot'] as const;
export type Service = (typeof SERVICES)[number];

export interface KnownName {
  readonly name: string;
  readonly part: Part;
  /** Who may see the value. */
  readonly services: readonly Service[];
  /** A value that does not match was copied wrongly, or is another key. */
  readonly pattern: RegExp;
  /** The pattern in words. */
  readonly looks: string;
  /** Where its owner finds it. */
  readonly from: string;
  readonly optional?: boolean;
}

const STRIPE = 'dashboard.stripe.com, Developers';
const DISCORD = 'discord.com/developers/applications';
const URL_PATTERN = /^https?:\/\/[^\s/]+\S*$/;

export const KNOWN_NAMES: readonly KnownName[] = [
  stripe('STRIPE_SECRET_KEY', /^(sk|rk)_(live|test)_[A-Za-z0-9]{10,}$/, 'sk_live_… or rk_live_…'),
  stripe('STRIPE_WEBHOOK_SECRET', /^whsec_[A-Za-z0-9+/=]{16,}$/, 'whsec_…'),
  stripe('STRIPE_WEBHOOK_SECRET_API', /^whsec_[A-Za-z0-9+/=]{16,}$/, 'whsec_…'),
  stripe('STRIPE_PRICE_PRO', /^price_[A-Za-z0-9]{8,}$/, 'price_…'),
  stripe('STRIPE_PRICE_PRO_PLUS', /^price_[A-Za-z0-9]{8,}$/, 'price_…'),
  stripe('STRIPE_PRICE_ENTERPRISE', /^price_[A-Za-z0-9]{8,}$/, 'price_…'),
  paypal('PAYPAL_CLIENT_ID'),
  paypal('PAYPAL_CLIENT_SECRET'),
  {
    ...discord('DISCORD_TOKEN', /^[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}$/, 'three parts with dots between'),
    services: ['bot'],
  },
  { ...discord('DISCORD_CLIENT_ID', /^\d{17,20}$/, '17 to 20 digits'), services: ['bot', 'functions', 'auth'] },
  { ...discord('DISCORD_CLIENT_SECRET', /^[\w-]{32}$/, '32 letters and digits'), services: ['functions', 'auth'] },
  {
    ...discord('DISCORD_BOT_TOKEN', /^[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}$/, 'three parts with dots between'),
    services: ['functions'],
  },
  {
    name: 'ROBLOX_API_KEY',
    part: 'roblox',
    services: ['bot', 'functions'],
    pattern: /^[A-Za-z0-9+/=_.-]{20,}$/,
    looks: 'at least 20 letters, digits and + / =',
    from: 'create.roblox.com, Open Cloud, API keys',
  },
  {
    name: 'RESEND_API_KEY',
    part: 'mail',
    services: ['functions'],
    pattern: /^re_\w{8,}$/,
    looks: 're_…',
    from: 'resend.com, API keys',
  },
  {
    name: 'OBFUSCATOR_API_URL',
    part: 'functions',
    services: ['functions'],
    pattern: URL_PATTERN,
    looks: 'an address, https://…',
    from: 'the server that runs the obfuscator',
  },
  {
    name: 'SITE_URL',
    part: 'functions',
    services: ['functions'],
    pattern: URL_PATTERN,
    looks: 'an address, https://…',
    from: 'where the shop is',
  },
  {
    name: 'SMTP_PASSWORD',
    part: 'auth',
    services: ['auth'],
    pattern: /^\S[^\n]*$/,
    looks: 'one line',
    from: 'your mail provider',
    optional: true,
  },
  {
    name: 'GOOGLE_CLIENT_SECRET',
    part: 'auth',
    services: ['auth'],
    pattern: /^[\w-]{20,}$/,
    looks: 'GOCSPX-…',
    from: 'Google Cloud, APIs and services, Credentials',
    optional: true,
  },
];

/** What the platform gives its functions by itself: an old project's value would lead them back there. */
export const PROVIDED_NAMES: ReadonlySet<string> = new Set([
  'SUPABASE_URL',
  'SUPABASE_ANON_KEY',
  'SUPABASE_SERVICE_ROLE_KEY',
  'SUPABASE_DB_URL',
]);

/**
 * Names that a service may see: those in the table, what begins with its own prefix (`AUTH_…`), and for auth the client
 * secrets of providers that the table does not know.
 */
export function mayShow(service: Service, name: string): boolean {
  const known = KNOWN_NAMES.find((each) => each.name === name);
  if (known !== undefined) return known.services.includes(service);
  return name.startsWith(`${service.toUpperCase()}_`) || (service === 'auth' && name.endsWith('_CLIENT_SECRET'));
}

function stripe(name: string, pattern: RegExp, looks: string): KnownName {
  return { name, part: 'stripe', services: ['functions'], pattern, looks, from: STRIPE };
}

function paypal(name: string): KnownName {
  const [pattern, looks] = [/^[A-Za-z0-9_-]{20,}$/, 'at least 20 letters, digits, - and _'];
  return { name, part: 'paypal', services: ['functions'], pattern, looks, from: 'developer.paypal.com, Apps' };
}

function discord(name: string, pattern: RegExp, looks: string): Omit<KnownName, 'services'> {
  return { name, part: 'discord', pattern, looks, from: DISCORD };
}
