import { z } from 'zod';

/** One setting: what it accepts, where it starts, and the line about it in the documentation. */
export interface Definition<T> {
  readonly schema: z.ZodType<T>;
  readonly initial: T;
  /** How the documentation names what is accepted. */
  readonly accepts: string;
  readonly doc: string;
  /** Never printed: `config show` tells only whether it is set. */
  readonly secret: boolean;
  /** Environment variables are text; this makes of it what YAML would have made. */
  readonly fromText: (text: string) => unknown;
}

/** A provider that people sign in with. */
const PROVIDER = z.strictObject({
  enabled: z.boolean().optional(),
  clientId: z.string().min(1),
  secret: z.string().min(1).optional(),
  secretFile: z.string().min(1).optional(),
  /** Where an OpenID Connect provider is; for Discord and GitHub another address than the public one. */
  issuer: z.url({ protocol: /^https?$/ }).optional(),
  scopes: z.array(z.string().min(1)).optional(),
  redirectUri: z.url({ protocol: /^https?$/ }).optional(),
  extraClientIds: z.array(z.string().min(1)).optional(),
});

/** A place off this machine where backups are copied to. */
const STORE = z.strictObject({
  url: z
    .string()
    .regex(/^(file:\/\/\/|s3:\/\/[^/]|sftp:\/\/[^/])/, 'not file:///…, s3://BUCKET/… or sftp://USER@HOST/…'),
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  region: z.string().min(1).optional(),
  pathStyle: z.boolean().optional(),
  hostKey: z
    .string()
    .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'not SHA256:…, as ssh-keygen -lf prints it')
    .optional(),
  credentialsFile: z.string().min(1).optional(),
  /** In which it must answer. */
  timeoutSeconds: z.int().min(1).optional(),
});

export type StoreSetting = z.output<typeof STORE>;

/** What the platform's own tables hold of keys, tokens and accounts (requirement 3.2). */
const SENSITIVE_COLUMNS = [
  'public.developer_api_keys.api_key blind',
  'public.license_keys.key blind',
  'public.whitelist_users.license_key blind',
  'public.profiles.stripe_account_id blind',
  'public.profiles.paypal_email',
  'public.profiles.paypal_merchant_id',
  'public.profiles.discord_access_token',
  'public.profiles.discord_refresh_token',
  'public.profiles.default_roblox_api_key_encrypted',
  'public.stores.stripe_connect_account_id blind',
  'public.bot_products.payhip_api_key',
  'public.bot_products.roblox_api_key_encrypted',
  'public.bot_config.value',
];

/** All settings, by section and name: `api.port` in the file is `VECTABASE_API_PORT` in the environment. */
export const DEFINITIONS = {
  api: {
    port: integer(54321, [0, 65_535], 'Port of the HTTP API. 0 takes a free one.'),
    host: text(
      '127.0.0.1',
      'Address that the HTTP API listens on. Put a TLS proxy in front before it leaves loopback.',
    ),
    publicUrl: url('How clients reach the API, when that is not its own address: links in mails and redirects use it.'),
    cors: list(['*'], 'Origins whose pages may call the API.'),
    trustedProxies: networks(
      'Addresses and ranges (10.0.0.0/8) of own proxies: from these, X-Forwarded-For tells who the client is.',
    ),
  },
  postgres: {
    port: integer(54322, [0, 65_535], 'Port of Postgres. 0 takes a free one.'),
  },
  log: {
    level: choice(['debug', 'info', 'warn', 'error', 'silent'], 'info', 'Least severe line that the daemon logs.'),
  },
  rest: {
    schemas: list(['public', 'graphql_public'], 'Schemas whose tables and functions the REST API serves.'),
    extraSearchPath: list(['public', 'extensions'], 'Schemas that are searched besides the one asked for.'),
    anonRole: text('anon', 'Role of requests without a token.'),
    maxRows: integer(1000, [0, 2_147_483_647], 'Most rows of one answer; 0 for all.'),
    txEnd: choice(
      ['commit', 'commit-allow-override', 'rollback', 'rollback-allow-override'],
      'commit',
      'How a request ends, and whether Prefer: tx may say otherwise.',
    ),
    preRequest: optionalText('Function, with its schema, that runs before each request.'),
    planEnabled: flag(false, 'Whether clients may ask for execution plans.'),
    aggregatesEnabled: flag(false, 'Whether clients may use sum, avg, count, max and min.'),
    openapiMode: choice(
      ['follow-privileges', 'ignore-privileges', 'disabled'],
      'follow-privileges',
      'What the description at the root of the API shows.',
    ),
    openapiSecurity: flag(false, 'Whether that description tells that calls take a token.'),
    openapiProxyUri: optionalText('Where clients reach the REST API, for that description.'),
    rootSpec: optionalText('Function that answers at the root of the API instead of that description.'),
    serverTiming: flag(false, 'Whether answers tell how long they took, in Server-Timing.'),
    diagnostics: flag(
      false,
      'Whether a write that touched nothing says when row policies hid every row. For development: it tells strangers.',
    ),
    poolSize: integer(10, [1, 1000], 'Connections to Postgres that the REST API keeps, in all workers together.'),
    workers: integer(
      0,
      [0, 64],
      'Processes that serve the API; 0 for one with up to two cores, else two less than there are cores, which leaves those to Postgres.',
    ),
  },
  jwt: {
    secret: secret('HS256 key of tokens, when it is not the one of the installation.'),
    secretFile: optionalText('File that holds the HS256 key.'),
    jwks: optionalText('File with a JSON Web Key Set: public keys of tokens that others sign.'),
    audience: optionalText('Audience that tokens must name, when they name any.'),
    issuers: list(
      [],
      'Issuers whose tokens count, when they name one (legacy API keys: supabase); none listed: any that our keys signed.',
    ),
    requireExpiry: flag(
      true,
      'Whether a token that never ends is refused. A runtime file that says nothing lets it in, as PostgREST does.',
    ),
    roleClaim: text('.role', 'Path of the role in the claims of a token.'),
  },
  auth: {
    siteUrl: url('Where people come back to from letters and providers when the client names no address.'),
    redirectUrls: list([], 'Further addresses that they may come back to; * stands for a part, ** for the rest.'),
    jwtExpiry: integer(3_600, [30, 604_800], 'Seconds that an access token lives.'),
    disableSignup: flag(false, 'Whether new accounts are refused; the owner can still make them.'),
    email: flag(true, 'Whether people sign up and in with e-mail and password.'),
    anonymousUsers: flag(false, 'Whether people may sign in without an account.'),
    autoconfirm: flag(false, 'Whether addresses count as confirmed without a letter.'),
    passwordMinLength: integer(8, [1, 72], 'Shortest password that is taken from now on.'),
    passwordRequirements: choice(
      ['none', 'letters_digits', 'lower_upper_letters_digits', 'lower_upper_letters_digits_symbols'],
      'none',
      'Characters that a new password must hold.',
    ),
    passwordRequireCurrent: flag(false, 'Whether a new password asks for the current one.'),
    passwordReauthentication: flag(false, 'Whether a new password asks for a code by mail, a day after sign-in.'),
    breachedPasswords: flag(false, 'Whether new passwords are looked up among those that leaked.'),
    breachedPasswordsUrl: text(
      'https://api.pwnedpasswords.com/range',
      'Who is asked; it sees five digits of a digest.',
    ),
    breachedPasswordsFailClosed: flag(false, 'Whether a password is refused when nobody can be asked.'),
    sessionTimebox: integer(0, [0, 315_360_000], 'Seconds after which a login ends; 0 never.'),
    sessionInactivity: integer(0, [0, 315_360_000], 'Seconds without a refresh after which a login ends; 0 never.'),
    singleSession: flag(false, 'Whether a new login ends the others of the same account.'),
    refreshReuseInterval: integer(10, [0, 3_600], 'Seconds in which a refresh token may be used again.'),
    limitToken: integer(150, [0, 1_000_000], 'Sign-ins and refreshes in five minutes from one address; 0 any number.'),
    limitAccount: integer(30, [0, 1_000_000], 'Sign-ins with a password in five minutes to one account; 0 any number.'),
    limitOtp: integer(30, [0, 1_000_000], 'Sign-ups and letters in five minutes from one address; 0 any number.'),
    limitVerify: integer(30, [0, 1_000_000], 'Codes tried in five minutes from one address; 0 any number.'),
    limitAnonymous: integer(30, [0, 1_000_000], 'Anonymous sign-ins in an hour from one address; 0 any number.'),
    limitMfa: integer(
      15,
      [0, 1_000_000],
      'Challenges and codes of a second factor in a minute from one address; 0 any number.',
    ),
    manualLinking: flag(false, 'Whether a signed-in user may add and remove accounts of providers.'),
    external: providers('Providers to sign in with, by name. `vectabase auth providers set` writes it.'),
    poolSize: integer(5, [1, 1000], 'Connections to Postgres that sign-in keeps.'),
  },
  mail: {
    smtpHost: optionalText('Mail server that takes letters for delivery. Without one, `up` keeps them in mail/outbox.'),
    smtpPort: integer(587, [1, 65_535], 'Port of the mail server.'),
    smtpUser: optionalText('Login name at the mail server.'),
    smtpPassword: secret('Password at the mail server.'),
    smtpPasswordFile: optionalText('File that holds the password.'),
    tls: choice(
      ['starttls', 'implicit', 'none'],
      'starttls',
      'How the connection is protected. none is for a relay on this machine.',
    ),
    from: text('noreply@localhost.localdomain', 'Address that letters come from.'),
    senderName: text('Vectabase', 'Name that letters come from.'),
    gapSeconds: integer(60, [0, 86_400], 'Seconds between two letters of one kind to one address.'),
    perHour: integer(30, [0, 1_000_000], 'Letters in an hour; 0 any number. Not counted without a mail server.'),
    codeDigits: integer(6, [6, 10], 'Digits of a code that is typed.'),
    codeExpiry: integer(600, [60, 86_400], 'Seconds in which a code can be typed.'),
    linkExpiry: integer(3_600, [60, 604_800], 'Seconds in which a link can be followed.'),
    secureEmailChange: flag(true, 'Whether the old address must agree to a new one.'),
    confirmPage: flag(false, 'Whether a link shows a button first, for mailboxes whose scanners follow links.'),
  },
  advise: {
    columns: list(
      ['discord_id', 'roblox_id', 'license_key', 'api_key'],
      'Columns that requests search by: `db advise` wants an index on each, in every table that has one.',
    ),
  },
  secrets: {
    environment: text('production', 'Which file of encrypted secrets this installation uses.'),
    identityFile: optionalText('File with the private key that opens the secrets, instead of secrets/identity.'),
    parts: list(
      ['stripe', 'paypal', 'discord', 'roblox', 'mail', 'functions', 'auth'],
      'Parts of the project that are in use: `secrets check` asks for the names that each needs.',
    ),
  },
  encryption: {
    columns: encryptedColumns(
      'Columns that are kept encrypted: schema.table.column, then `blind` where lookups by equality must go on, then `for ROLE+ROLE` (who reads plaintext; service_role+postgres).',
    ),
  },
  limits: {
    requestsPerKey: integer(1_000_000, [0, 2_147_483_647], 'Requests a minute with one API key; 0 for any number.'),
    requestsPerAddress: integer(
      1_000_000,
      [0, 2_147_483_647],
      'Requests a minute from one address without an API key; 0 for any number. IPv6 counts by its /64.',
    ),
  },
  audit: {
    roles: list(
      ['anon', 'authenticated'],
      'Roles of strangers: what they can reach is what `audit policies` looks at.',
    ),
    credentialColumns: list(
      [
        '*token*',
        '*secret*',
        '*password*',
        '*api_key*',
        '*apikey*',
        '*license_key*',
        '*private_key*',
        'key_hash',
        'license_keys.key',
        '*config*.value',
        '*setting*.value',
        '!*_status',
        '!*_id',
      ],
      'Names of columns that hold credentials: COLUMN or TABLE.COLUMN with *; ! takes out again.',
    ),
    paymentColumns: list(
      ['*stripe*', '*paypal*', '*iban*', '*card*', '!*_status', '!*_url'],
      'Names of columns that hold payment accounts.',
    ),
    personalColumns: list(
      [
        '*email*',
        '*phone*',
        'ip',
        '*ip_address*',
        '*latitude*',
        '*longitude*',
        'postal_code',
        'isp',
        '*birth*',
        '!*_status',
        '!*_template*',
      ],
      'Names of columns that hold personal data.',
    ),
    earnedColumns: list(
      ['*credits*', '*balance*', '*earnings*', 'role', 'is_admin', 'tier'],
      'Names of columns that only the application should set, also in rows of the user.',
    ),
    accepted: list([], 'Ids of findings that are known and meant, with *.'),
  },
  backup: {
    directory: optionalText('Where backups are kept, instead of the directory of the installation.'),
    stores: stores(
      'Further places that backups are copied to: url (s3://, sftp://, file://), endpoint, region, pathStyle, hostKey, credentialsFile, timeoutSeconds.',
    ),
    dumpDays: integer(30, [30, 3_650], 'Days that daily dumps are kept.'),
    windowDays: integer(7, [1, 3_650], 'Days back to which any second can be returned to.'),
    incremental: flag(
      true,
      'Whether base backups between two full ones hold only what changed; Postgres 17 and later.',
    ),
    fullDays: integer(7, [1, 3_650], 'Days after which the next base backup is a full one.'),
    archive: flag(
      false,
      'Whether `up` archives WAL, for a return to any second. Needs a recovery key; an installed server always does.',
    ),
    whenFull: choice(
      ['stop-writes', 'drop-wal'],
      'stop-writes',
      'What gives way when the disk is full and WAL cannot be kept: writes, or the return to that time.',
    ),
    baseSchedule: cron('30 2 * * *', 'When an installed server copies its cluster.'),
    dumpSchedule: cron('0 3 * * *', 'When it dumps its databases.'),
    copySchedule: cron('*/10 * * * *', 'When it copies what is new to backup.stores.'),
    pruneSchedule: cron('30 3 * * *', 'When it takes away what windowDays and dumpDays do not ask for.'),
    verifySchedule: cron('0 5 * * *', 'When it compares what the store holds with the signed catalogue.'),
    rehearsalSchedule: cron('0 4 * * 0', 'When it restores to a random second, to prove that it can.'),
    rehearsalKeyFile: optionalText(
      'File with a key that opens backups, for those rehearsals. Without it there are none.',
    ),
    keyProofDays: integer(31, [0, 3_650], 'Days after which the owner is asked to prove the recovery key; 0 never.'),
    alertMail: list([], 'Addresses that alerts are written to, by the mail server of the section mail.'),
    alertDiscord: webhook('Address of a Discord webhook that takes alerts.'),
    alertWebhook: webhook('Address that alerts are posted to as JSON.'),
    alertWebhookSecret: secret('Signs what is posted there, as Standard Webhooks has it.'),
    alertDeadMan: webhook('Address that is asked for each minute while nothing critical is wrong.'),
    alertLagMinutes: integer(15, [1, 100_000], 'Minutes that the store may be behind before an alert.'),
    alertDiskPercent: integer(85, [1, 100], 'How full a disk may be before an alert.'),
  },
  install: {
    postgresMajor: integer(17, [16, 18], 'Major version of Postgres that `install` sets up.'),
    postgresPort: integer(5432, [1, 65_535], 'Port of the installed Postgres.'),
    poolerPort: integer(6432, [1, 65_535], 'Port of PgBouncer.'),
    listen: addresses('Addresses that Postgres and PgBouncer listen on besides loopback.'),
    edge: choice(['none', 'caddy', 'own-certificate'], 'none', 'Who ends TLS for api.publicUrl.'),
    certificateAuthority: choice(
      ['acme', 'internal'],
      'acme',
      'Who signs what Caddy presents: a public authority, or one of its own for closed networks.',
    ),
    acmeEmail: optionalText('Where the public authority writes about certificates.'),
    certificateFile: optionalText('PEM file of an own certificate, with its chain, for edge own-certificate.'),
    certificateKeyFile: optionalText('PEM file of its key, mode 0600. Both are taken over when they change.'),
    volume: volume(
      'Where the data is encrypted: fscrypt, luks:DEVICE, luks-file:SIZE, existing (proved only), or plaintext.',
    ),
    volumeKey: choice(
      ['auto', 'tpm2', 'credential', 'passphrase'],
      'auto',
      'What opens the volume at boot: sealed for the security chip, or for a secret on the disk of this machine; a passphrase is asked for. auto takes the chip where there is one.',
    ),
    openPorts: ports('Ports that the firewall leaves open besides ours and ssh.'),
    hardenHost: flag(true, 'Whether firewall, security upgrades and log limits of the machine are set up too.'),
  },
  source: {
    url: secret('Connection string of the Supabase project to move.'),
  },
} as const;

export type Section = keyof typeof DEFINITIONS;

/** The merged settings: `settings.api.port`. */
export type Settings = {
  readonly [S in Section]: {
    readonly [N in keyof (typeof DEFINITIONS)[S]]: (typeof DEFINITIONS)[S][N] extends Definition<infer T> ? T : never;
  };
};

function stores(doc: string): Definition<readonly StoreSetting[]> {
  const { fromText } = providers(doc);
  const accepts = 'list of places, JSON in the environment';
  return { schema: z.array(STORE), initial: [], accepts, doc, secret: false, fromText };
}

function cron(initial: string, doc: string): Definition<string> {
  const field = String.raw`[\d*/,A-Za-z-]+`;
  const schema = z.string().regex(new RegExp(`^${field}( ${field}){4}$`), 'not the five fields of cron');
  return { schema, initial, accepts: 'five fields of cron, UTC', doc, secret: false, fromText: String };
}

/** Whoever knows the address can write to it. */
function webhook(doc: string): Definition<string | undefined> {
  const local = /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])[:/]/;
  const schema = z
    .url()
    .refine((address) => address.startsWith('https://') || local.test(address), 'not an https URL')
    .optional();
  return { schema, initial: undefined, accepts: 'https URL', doc, secret: true, fromText: String };
}

function encryptedColumns(doc: string): Definition<readonly string[]> {
  const named = /^[^.\s]+\.[^.\s]+\.[^.\s]+( blind)?( for [^\s+]+(\+[^\s+]+)*)?$/;
  const closed = /[ +](anon|authenticated|public)\b/;
  const one = z
    .string()
    .regex(named, 'not schema.table.column, then blind and for ROLE+ROLE where wanted')
    .refine((item) => !closed.test(item), 'visitors never read plaintext: write a function for what they may see');
  return { ...list(SENSITIVE_COLUMNS, doc), schema: z.array(one) };
}

function integer(initial: number, [min, max]: readonly [number, number], doc: string): Definition<number> {
  const fromText = (raw: string): unknown => (/^\d+$/.test(raw) ? Number(raw) : raw);
  return { schema: z.int().min(min).max(max), initial, accepts: `${min}–${max}`, doc, secret: false, fromText };
}

function text(initial: string, doc: string): Definition<string> {
  return { schema: z.string().min(1), initial, accepts: 'text', doc, secret: false, fromText: String };
}

function optionalText(doc: string): Definition<string | undefined> {
  const schema = z.string().min(1).optional();
  return { schema, initial: undefined, accepts: 'text', doc, secret: false, fromText: String };
}

function flag(initial: boolean, doc: string): Definition<boolean> {
  const fromText = (raw: string): unknown => (raw === 'true' ? true : raw === 'false' ? false : raw);
  return { schema: z.boolean(), initial, accepts: 'true, false', doc, secret: false, fromText };
}

function url(doc: string): Definition<string | undefined> {
  const schema = z.url({ protocol: /^https?$/ }).optional();
  return { schema, initial: undefined, accepts: 'http(s) URL', doc, secret: false, fromText: String };
}

function list(initial: readonly string[], doc: string): Definition<readonly string[]> {
  const fromText = (raw: string): unknown => raw.split(',').map((item) => item.trim());
  const schema = z.array(z.string().min(1));
  return { schema, initial, accepts: 'list, with commas in the environment', doc, secret: false, fromText };
}

function networks(doc: string): Definition<readonly string[]> {
  const { fromText } = list([], doc);
  const schema = z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]));
  return {
    schema,
    initial: [],
    accepts: 'list of addresses and ranges, with commas in the environment',
    doc,
    secret: false,
    fromText,
  };
}

function addresses(doc: string): Definition<readonly string[]> {
  const schema = z.array(z.union([z.ipv4(), z.ipv6()]));
  return { ...list([], doc), schema, accepts: 'list of addresses, with commas in the environment' };
}

function ports(doc: string): Definition<readonly number[]> {
  const fromText = (raw: string): unknown => raw.split(',').map((item) => Number(item));
  const schema = z.array(z.int().min(1).max(65_535));
  const accepts = 'list of ports, with commas in the environment';
  return { schema, initial: [], accepts, doc, secret: false, fromText };
}

function volume(doc: string): Definition<string> {
  const named = /^(fscrypt|existing|plaintext|luks:\/dev\/\S+|luks-file:[1-9]\d*[MGT])$/;
  const accepts = 'fscrypt, existing, plaintext, luks:DEVICE, luks-file:SIZE (50G)';
  return { ...text('fscrypt', doc), schema: z.string().regex(named, `not one of ${accepts}`), accepts };
}

function choice<const T extends string>(of: readonly T[], initial: T, doc: string): Definition<T> {
  return { schema: z.enum(of), initial, accepts: of.join(', '), doc, secret: false, fromText: String };
}

function providers(doc: string): Definition<Readonly<Record<string, z.output<typeof PROVIDER>>>> {
  const fromText = (raw: string): unknown => {
    try {
      return JSON.parse(raw);
    } catch {
      return raw;
    }
  };
  const schema = z.record(z.string().regex(/^[a-z0-9][a-z0-9_:-]{0,62}$/), PROVIDER);
  return {
    schema,
    initial: {},
    accepts: 'names and their settings, JSON in the environment',
    doc,
    secret: true,
    fromText,
  };
}

function secret(doc: string): Definition<string | undefined> {
  const schema = z.string().min(1).optional();
  return { schema, initial: undefined, accepts: 'text', doc, secret: true, fromText: String };
}
