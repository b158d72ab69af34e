import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { DEFINITIONS } from '../../../src/foundation/config/definitions.ts';
import { describeSettings, loadSettings, readSettings } from '../../../src/foundation/config/settings.ts';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'vt-settings-'));
  for (const variable of Object.keys(process.env)) {
    if (variable.startsWith('VECTABASE_')) vi.stubEnv(variable, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const write = (text: string): void => writeFileSync(path.join(dir, 'vectabase.yml'), text);

function refusal(flags: Record<string, unknown> = {}): VectabaseError {
  try {
    loadSettings({ dir, flags });
  } catch (error) {
    if (error instanceof VectabaseError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('precedence', () => {
  test('without anything, the defaults', () => {
    const { settings, sources } = loadSettings({ dir });
    expect(settings.api).toEqual({
      port: 54321,
      host: '127.0.0.1',
      publicUrl: undefined,
      cors: ['*'],
      trustedProxies: [],
    });
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
  });

  test('any subset of places: the last that speaks wins, and says so', () => {
    const port = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(port, port, port, (file, environment, flag) => {
        write(file === undefined ? '' : `api:\n  port: ${file}\n`);
        vi.stubEnv('VECTABASE_API_PORT', environment?.toString());
        const { settings, sources } = loadSettings({ dir, flags: { 'api.port': flag } });
        const expected = (
          [
            ['flag', flag],
            ['environment', environment],
            ['file', file],
            ['default', 54321],
          ] as const
        ).find(([, value]) => value !== undefined);
        expect([sources['api.port'], settings.api.port]).toEqual(expected);
        expect(sources['postgres.port']).toBe('default');
      }),
    );
  });

  test('a value that is overridden is still checked', () => {
    write('api:\n  port: ninety\n');
    vi.stubEnv('VECTABASE_API_PORT', '9000');
    expect(refusal()).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2, details: { key: 'api.port' } });
  });

  test('every setting has its variable, with the meaning that the file has', () => {
    const examples: Record<string, [text: string, value: unknown]> = {
      'api.port': ['1', 1],
      'api.host': ['::1', '::1'],
      'api.publicUrl': ['https://api.example.com', 'https://api.example.com'],
      'api.cors': ['https://a.example, https://b.example', ['https://a.example', 'https://b.example']],
      'api.trustedProxies': ['127.0.0.1, fd00::/8', ['127.0.0.1', 'fd00::/8']],
      'postgres.port': ['2', 2],
      'log.level': ['debug', 'debug'],
      'rest.schemas': ['public,api', ['public', 'api']],
      'rest.extraSearchPath': ['extensions', ['extensions']],
      'rest.anonRole': ['web', 'web'],
      'rest.maxRows': ['10', 10],
      'rest.txEnd': ['rollback', 'rollback'],
      'rest.preRequest': ['api.check', 'api.check'],
      'rest.planEnabled': ['true', true],
      'rest.aggregatesEnabled': ['false', false],
      'rest.openapiMode': ['disabled', 'disabled'],
      'rest.openapiSecurity': ['true', true],
      'rest.openapiProxyUri': ['https://api.example.com', 'https://api.example.com'],
      'rest.rootSpec': ['root', 'root'],
      'rest.serverTiming': ['true', true],
      'rest.diagnostics': ['true', true],
      'rest.poolSize': ['3', 3],
      'rest.workers': ['2', 2],
      'jwt.secret': ['s', 's'],
      'jwt.secretFile': ['/run/secret', '/run/secret'],
      'jwt.jwks': ['/run/jwks.json', '/run/jwks.json'],
      'jwt.audience': ['authenticated', 'authenticated'],
      'jwt.issuers': ['supabase', ['supabase']],
      'jwt.requireExpiry': ['false', false],
      'jwt.roleClaim': ['$.app.role', '$.app.role'],
      'auth.siteUrl': ['https://shop.example', 'https://shop.example'],
      'auth.redirectUrls': ['https://*.shop.example/**', ['https://*.shop.example/**']],
      'auth.jwtExpiry': ['600', 600],
      'auth.disableSignup': ['true', true],
      'auth.email': ['false', false],
      'auth.anonymousUsers': ['true', true],
      'auth.autoconfirm': ['true', true],
      'auth.passwordMinLength': ['12', 12],
      'auth.passwordRequirements': ['letters_digits', 'letters_digits'],
      'auth.passwordRequireCurrent': ['true', true],
      'auth.passwordReauthentication': ['true', true],
      'auth.breachedPasswords': ['true', true],
      'auth.breachedPasswordsUrl': ['https://pwned.example', 'https://pwned.example'],
      'auth.breachedPasswordsFailClosed': ['true', true],
      'auth.sessionTimebox': ['86400', 86_400],
      'auth.sessionInactivity': ['3600', 3_600],
      'auth.singleSession': ['true', true],
      'auth.refreshReuseInterval': ['5', 5],
      'auth.limitToken': ['10', 10],
      'auth.limitAccount': ['10', 10],
      'auth.limitOtp': ['10', 10],
      'auth.limitVerify': ['10', 10],
      'auth.limitAnonymous': ['10', 10],
      'auth.limitMfa': ['10', 10],
      'auth.manualLinking': ['true', true],
      'auth.external': ['{"google":{"clientId":"c"}}', { google: { clientId: 'c' } }],
      'auth.poolSize': ['3', 3],
      'mail.smtpHost': ['mail.example', 'mail.example'],
      'mail.smtpPort': ['25', 25],
      'mail.smtpUser': ['u', 'u'],
      'mail.smtpPassword': ['p', 'p'],
      'mail.smtpPasswordFile': ['/run/smtp', '/run/smtp'],
      'mail.tls': ['implicit', 'implicit'],
      'mail.from': ['a@b.example', 'a@b.example'],
      'mail.senderName': ['Shop', 'Shop'],
      'mail.gapSeconds': ['0', 0],
      'mail.perHour': ['0', 0],
      'mail.codeDigits': ['8', 8],
      'mail.codeExpiry': ['300', 300],
      'mail.linkExpiry': ['7200', 7_200],
      'mail.secureEmailChange': ['false', false],
      'mail.confirmPage': ['true', true],
      'advise.columns': ['a,b', ['a', 'b']],
      'secrets.environment': ['staging', 'staging'],
      'secrets.identityFile': ['/run/identity', '/run/identity'],
      'secrets.parts': ['stripe,mail', ['stripe', 'mail']],
      'encryption.columns': ['public.a.b, public.c.d blind for x+y', ['public.a.b', 'public.c.d blind for x+y']],
      'limits.requestsPerKey': ['600', 600],
      'limits.requestsPerAddress': ['0', 0],
      'audit.roles': ['anon,x', ['anon', 'x']],
      'audit.credentialColumns': ['*token*,a.b', ['*token*', 'a.b']],
      'audit.paymentColumns': ['*stripe*', ['*stripe*']],
      'audit.personalColumns': ['*email*', ['*email*']],
      'audit.earnedColumns': ['credits', ['credits']],
      'audit.accepted': ['read:public.*', ['read:public.*']],
      'backup.directory': ['/mnt/backups', '/mnt/backups'],
      'backup.stores': [
        '[{"url":"s3://bucket/prefix","timeoutSeconds":20}]',
        [{ url: 's3://bucket/prefix', timeoutSeconds: 20 }],
      ],
      'backup.dumpDays': ['60', 60],
      'backup.windowDays': ['14', 14],
      'backup.incremental': ['false', false],
      'backup.fullDays': ['30', 30],
      'backup.archive': ['true', true],
      'backup.whenFull': ['drop-wal', 'drop-wal'],
      'backup.baseSchedule': ['0 1 * * *', '0 1 * * *'],
      'backup.dumpSchedule': ['*/30 1-3 * * *', '*/30 1-3 * * *'],
      'backup.copySchedule': ['0 * * * *', '0 * * * *'],
      'backup.pruneSchedule': ['0 5 * * *', '0 5 * * *'],
      'backup.verifySchedule': ['0 6 * * *', '0 6 * * *'],
      'backup.rehearsalSchedule': ['0 4 * * SUN', '0 4 * * SUN'],
      'backup.rehearsalKeyFile': ['/root/key', '/root/key'],
      'backup.keyProofDays': ['90', 90],
      'backup.alertMail': ['a@b.example,c@d.example', ['a@b.example', 'c@d.example']],
      'backup.alertDiscord': ['https://discord.example/1', 'https://discord.example/1'],
      'backup.alertWebhook': ['http://127.0.0.1:9/x', 'http://127.0.0.1:9/x'],
      'backup.alertWebhookSecret': ['whsec_c2VjcmV0', 'whsec_c2VjcmV0'],
      'backup.alertDeadMan': ['https://ping.example/2', 'https://ping.example/2'],
      'backup.alertLagMinutes': ['5', 5],
      'backup.alertDiskPercent': ['90', 90],
      'install.postgresMajor': ['18', 18],
      'install.postgresPort': ['5433', 5433],
      'install.poolerPort': ['6433', 6433],
      'install.listen': ['10.0.0.1, fd00::1', ['10.0.0.1', 'fd00::1']],
      'install.edge': ['caddy', 'caddy'],
      'install.certificateAuthority': ['internal', 'internal'],
      'install.acmeEmail': ['me@shop.example', 'me@shop.example'],
      'install.certificateFile': ['/etc/tls/a.pem', '/etc/tls/a.pem'],
      'install.certificateKeyFile': ['/etc/tls/a.key', '/etc/tls/a.key'],
      'install.volume': ['luks-file:50G', 'luks-file:50G'],
      'install.volumeKey': ['passphrase', 'passphrase'],
      'install.openPorts': ['8080,9000', [8080, 9000]],
      'install.hardenHost': ['false', false],
      'source.url': ['postgresql://u@h/d', 'postgresql://u@h/d'],
    };
    expect(Object.keys(examples)).toEqual(describeSettings().map(({ key }) => key));
    for (const { key, variable } of describeSettings()) vi.stubEnv(variable, examples[key]?.[0]);
    const { settings, sources } = loadSettings({ dir });
    const flat = Object.entries(settings).flatMap(([section, values]) =>
      Object.entries(values as object).map(([name, value]) => [`${section}.${name}`, value]),
    );
    expect(flat).toEqual(Object.entries(examples).map(([key, [, value]]) => [key, value]));
    expect(new Set(Object.values(sources))).toEqual(new Set(['environment']));
  });

  test('a variable that is set to nothing does not speak', () => {
    vi.stubEnv('VECTABASE_API_HOST', '');
    expect(loadSettings({ dir }).sources['api.host']).toBe('default');
  });

  test('nobody can change what was loaded', () => {
    write('api:\n  cors: [https://a.example]\n');
    const { settings, sources } = loadSettings({ dir });
    for (const part of [settings, settings.api, settings.api.cors, sources]) expect(Object.isFrozen(part)).toBe(true);
  });
});

describe('what is refused', () => {
  test('any key that is not known, with its path', () => {
    const known = new Set(describeSettings().map(({ key }) => key));
    const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,12}$/);
    const odd = fc.constantFrom('__proto__', 'constructor', 'toString', 'prot');
    const section = fc.oneof(fc.constantFrom(...Object.keys(DEFINITIONS)), name, odd);
    fc.assert(
      fc.property(section, fc.oneof(name, odd), fc.jsonValue(), (outer, inner, value) => {
        fc.pre(!known.has(`${outer}.${inner}`));
        write(`"${outer}":\n  "${inner}": ${JSON.stringify(value)}\n`);
        const error = refusal();
        const key = Object.hasOwn(DEFINITIONS, outer) ? `${outer}.${inner}` : outer;
        expect(error).toMatchObject({ code: 'CONFIG_INVALID', details: { key } });
        expect(error.message).toContain(`: ${key} is not a setting`);
      }),
    );
  });

  test('a misspelt variable, but not those that other parts read', () => {
    vi.stubEnv('VECTABASE_DIR', dir);
    vi.stubEnv('VECTABASE_MASTER_KEY', '00');
    expect(loadSettings({ dir }).sources['api.port']).toBe('default');
    vi.stubEnv('VECTABASE_API_PROT', '1');
    expect(refusal().message).toBe('the environment: VECTABASE_API_PROT is not a setting');
  });

  test.each([
    ['api: 3', 'api should hold names and values'],
    ['- api', 'the file should hold names and values'],
    ['api: {port: 65536}', 'api.port: '],
    ['api: {port: "80"}', 'api.port: '],
    ['api: {port: 1.5}', 'api.port: '],
    ['api: {port: }', 'api.port: '],
    ['api: {publicUrl: "javascript:alert(1)"}', 'api.publicUrl: '],
    ['api: {cors: [1]}', 'api.cors (item 0): '],
    ['api: {trustedProxies: [10.0.0.0/33]}', 'api.trustedProxies (item 0): '],
    ['log: {level: loud}', 'log.level: '],
    ['api: {port: 1}\napi: {port: 2}', 'vectabase.yml:2:1: not YAML, duplicate key'],
    ['api: [', 'vectabase.yml:1:7: not YAML, '],
  ])('%s', (text, message) => {
    write(text);
    expect(refusal()).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string });
  });

  test('each with its file, line and column, and a command that does not need the file', () => {
    write('api:\n  port: 1\n  prot: 2\nlog: {level: loud}\nrest:\n  - a\nlimits: {}\nsmtp: {}\n');
    const { settings, mistakes } = readSettings({ dir });
    const file = path.join(dir, 'vectabase.yml');
    expect(
      mistakes.map(({ message, details }) => [message.split(': ')[0], details['line'], details['column']]),
    ).toEqual([
      [`${file}:3:3`, 3, 3],
      [`${file}:4:7`, 4, 7],
      [`${file}:5:1`, 5, 1],
      [`${file}:8:1`, 8, 1],
    ]);
    for (const { hint } of mistakes) expect(hint).toContain(`vectabase config edit --dir ${dir}`);
    expect(settings.api.port).toBe(1);
    expect(settings.log.level).toBe('info');
  });

  test('a slip in the syntax leaves the rest to be looked at', () => {
    const slip = fc.constantFrom('log\n  level: info', 'log: [', 'log: {level: "info}', '\tlog: 1');
    fc.assert(
      fc.property(slip, fc.integer({ min: 1, max: 65_535 }), (text, port) => {
        write(`api:\n  port: ${port}\n${text}\n`);
        const { settings, mistakes } = readSettings({ dir });
        expect(mistakes[0]?.message).toMatch(/vectabase\.yml:\d+:\d+: not YAML, /);
        expect(settings.api.port).toBe(port);
      }),
    );
  });

  test('any text at all is read, or told about', () => {
    const line = fc.constantFrom(
      'api:',
      '  port: 3',
      '- x',
      '  - &a b',
      '*a',
      '"',
      '{',
      ']',
      ': :',
      '\t',
      '? a',
      '---',
      '...',
      '<<: *a',
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        write(lines.join('\n'));
        const { mistakes } = readSettings({ dir });
        for (const { code } of mistakes) expect(code).toBe('CONFIG_INVALID');
      }),
    );
  });

  test('without repeating a secret', () => {
    for (const text of [`source: {url: [hunter2]}`, `source: {hunter2: 1`, `source:\n  url: hunter2\n  url: hunter2`]) {
      write(text);
      const error = refusal();
      expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
    }
  });
});

describe('templates/vectabase.yml', () => {
  const text = readFileSync(assetPath('templates', 'vectabase.yml'), 'utf8');

  test('sets nothing as shipped', () => {
    write(text);
    expect(new Set(Object.values(loadSettings({ dir }).sources))).toEqual(new Set(['default']));
  });

  test('shows every setting that is no secret, with its default', () => {
    const shown = text.replaceAll(/^# ((?: {2})*[a-z]+:( |$))/gim, '$1').replaceAll(/^# ( {2}\w+: | {4}- )/gm, '$1');
    write(shown);
    const { settings, sources } = loadSettings({ dir });
    for (const { key, initial, secret } of describeSettings()) {
      expect([key, sources[key]]).toEqual([key, secret ? 'default' : 'file']);
      const [section = '', name = ''] = key.split('.');
      const value = (settings as Record<string, Record<string, unknown>>)[section]?.[name];
      expect([key, initial === undefined ? undefined : value]).toEqual([key, initial]);
    }
    expect(parse(shown)).toHaveProperty('api.publicUrl');
  });
});
