import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findCommand } from '../../../src/cli/find-command.ts';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import type { AnyCheck, About, Verdict } from '../../../src/operator/doctor/check.ts';
import { CHECKS } from '../../../src/operator/doctor/checks/all.ts';
import { examine, type Looks } from '../../../src/operator/doctor/examine.ts';
import type { FactName, Facts } from '../../../src/operator/doctor/facts.ts';
import { STATUS_CHECKS } from '../../../src/operator/doctor/status.ts';
import { goodFacts, NOW, role, rule } from '../../support/doctor-facts.ts';

const ABOUT: About = { kind: 'machine', where: '', major: 17, now: NOW };
const DAY = 86_400;

function judge(id: string, facts: Facts, about: About = ABOUT): Verdict {
  const check = [...CHECKS, ...STATUS_CHECKS].find((each) => each.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return (check.judge as (fact: Facts[FactName], about: About) => Verdict)(facts[check.fact], about);
}

test('every check is content with a machine on which all is well', () => {
  const facts = goodFacts();
  const found = CHECKS.map(({ id }) => ({ id, ...judge(id, facts) }));
  expect(found.filter(({ level }) => level !== 'ok')).toEqual([]);
  expect(CHECKS.length).toBeGreaterThanOrEqual(40);
  expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
});

test('an installation that archives nothing is told the setting for it', () => {
  const facts = goodFacts();
  const changed = { ...facts, backups: { ...facts.backups, continuous: false, lag: null } };
  const verdict = judge('backups.lag', changed, { ...ABOUT, kind: 'up', where: ' --dir shop' });
  expect(verdict).toMatchObject({ level: 'warn', fix: 'vectabase config set backup.archive true --dir shop' });
});

type Broken = readonly [id: string, level: 'warn' | 'fail', evidence: RegExp, change: (facts: Facts) => Partial<Facts>];

const of =
  <F extends FactName>(name: F, change: Partial<Facts[F]>) =>
  (facts: Facts): Partial<Facts> => ({ [name]: Object.assign({}, facts[name], change) });
const database = (change: Partial<Facts['database']>) => of('database', change);
const set = (name: string, setting: string) => (facts: Facts) =>
  database({ settings: facts.database.settings.map((each) => (each.name === name ? { ...each, setting } : each)) })(
    facts,
  );
const activity = (change: Partial<Facts['database']['activity']>) => (facts: Facts) =>
  database({ activity: { ...facts.database.activity, ...change } })(facts);
const archiver = (change: Partial<Facts['database']['archiver']>) => (facts: Facts) =>
  database({ archiver: { ...facts.database.archiver, ...change } })(facts);
const table = (change: Partial<Facts['database']['tables'][number]>) =>
  database({
    tables: [{ name: 'public.sales', live: 100_000, dead: 0, modified: 0, neverAnalysed: false, ...change }],
  });
const databases = (change: Partial<Facts['database']['databases'][number]>) =>
  database({ databases: [{ name: 'shop', age: 1, multixactAge: 1, checksumFailures: 0, bytes: 1, ...change }] });
const roles =
  (...more: Facts['database']['roles']) =>
  (facts: Facts) =>
    database({ roles: [...facts.database.roles, ...more] })(facts);
const hba = (change: Partial<Facts['database']['hba'][number]>) => database({ hba: [rule(change)] });
const slot = (change: Partial<Facts['database']['slots'][number]>) =>
  database({ slots: [{ name: 'gone', active: false, walStatus: 'reserved', heldBytes: 0, ...change }] });
const unit =
  (change: Partial<Facts['units'][number]>) =>
  (facts: Facts): Partial<Facts> => ({
    units: facts.units.map((each, index) => (index === 0 ? { ...each, ...change } : each)),
  });
const disk =
  (change: Partial<Facts['disks'][number]>) =>
  (facts: Facts): Partial<Facts> => ({
    disks: facts.disks.map((each) => ({ ...each, ...change })),
  });
const certificate =
  (change: Partial<Facts['certificates'][number]>) =>
  (facts: Facts): Partial<Facts> => ({
    certificates: facts.certificates.map((each, index) => (index === 1 ? { ...each, ...change } : each)),
  });
const file =
  (change: Partial<Facts['files'][number]>) =>
  (facts: Facts): Partial<Facts> => ({
    files: facts.files.map((each, index) => (index === 0 ? { ...each, ...change } : each)),
  });
const publicUrl = (change: Partial<NonNullable<Facts['api']['publicUrl']>>) => (facts: Facts) =>
  of('api', { publicUrl: { url: 'https://api.shop.example', status: 200, reason: '', secure: true, ...change } })(
    facts,
  );
const volume = (level: 'noted' | 'refused', allowPlaintext = false) =>
  of('volume', {
    allowPlaintext,
    findings: [{ rule: 'path', level, subject: '/data', reason: 'nothing encrypts vda1' }],
  });
const automatic = {
  name: 'work_mem',
  file: 'postgresql.auto.conf',
  line: 3,
  error: null,
  applied: true,
  automatic: true,
};

const alerts = (...conditions: Facts['alerts']['conditions'][number][]) => of('alerts', { conditions });
const DISK = { severity: 'warning', title: 'the disk is 86 % full', command: 'du -xh /' } as const;
const JOB = { severity: 'critical', title: 'the job base failed', command: 'vectabase backup create' } as const;

const BROKEN: readonly Broken[] = [
  ['system.os', 'warn', /Arch/, of('system', { os: { id: 'arch', version: '', name: 'Arch Linux' } })],
  ['system.clock', 'fail', /nobody sets the clock/, of('system', { clockSynchronised: false })],
  ['system.memory', 'warn', /available/, of('system', { memory: { total: 100, available: 8 } })],
  ['system.memory', 'fail', /available/, of('system', { memory: { total: 100, available: 1 } })],
  ['system.swap', 'warn', /used/, of('system', { swap: { total: 100, used: 80 } })],
  ['system.load', 'warn', /load 12.0 on 2 cores/, of('system', { load: 12 })],
  ['system.entropy', 'fail', /20 bits/, of('system', { entropyBits: 20 })],
  ['system.reboot', 'warn', /reboot/, of('system', { rebootRequired: true })],
  ['system.journal', 'warn', /GiB of logs/, of('system', { journalBytes: 3 * 1024 ** 3 })],
  ['disk.space', 'warn', /free/, disk({ totalBytes: 100 * 1024 ** 3, freeBytes: 10 * 1024 ** 3 })],
  ['disk.space', 'fail', /free/, disk({ totalBytes: 100 * 1024 ** 3, freeBytes: 4 * 1024 ** 3 })],
  ['disk.space', 'fail', /free/, disk({ totalBytes: 1024 ** 3, freeBytes: 200 * 1024 ** 2 })],
  ['disk.inodes', 'fail', /\/: 10 of 1,000,000/, disk({ inodesFree: 10 })],
  ['packages.node', 'fail', /v20.11.0/, of('packages', { node: 'v20.11.0' })],
  [
    'packages.updates',
    'warn',
    /17.10-1 -> 17.11-1/,
    of('packages', { outdated: ['postgresql-17 17.10-1 -> 17.11-1'] }),
  ],
  ['packages.security', 'fail', /3 security updates/, of('packages', { securityUpdates: 3 })],
  ['packages.security', 'warn', /cannot be asked/, of('packages', { securityUpdates: null })],
  ['packages.unattended', 'warn', /nobody installs/, of('packages', { unattendedUpgrades: false })],
  ['pgbouncer.holes', 'fail', /1.18.0 keeps no prepared/, of('pgbouncer', { version: '1.18.0', pools: false })],
  ['pgbouncer.holes', 'fail', /CVE-1 \(bad\)/, of('pgbouncer', { holes: [{ id: 'CVE-1', what: 'bad' }] })],
  ['pgbouncer.answers', 'fail', /nothing answers on port 6432/, of('pgbouncer', { answers: false })],
  [
    'pgbouncer.settings',
    'fail',
    /auth_type = trust/,
    of('pgbouncer', { settings: { ...goodFacts().pgbouncer.settings, auth_type: 'trust' } }),
  ],
  ['database.version', 'fail', /15.4; 16 to 18/, database({ version: 150_004 })],
  ['database.durability', 'fail', /fsync is off/, set('fsync', 'off')],
  ['database.durability', 'fail', /zero_damaged_pages is on/, set('zero_damaged_pages', 'on')],
  ['database.checksums', 'warn', /goes unnoticed/, set('data_checksums', 'off')],
  ['database.checksums', 'fail', /shop: 2 wrong/, databases({ checksumFailures: 2 })],
  [
    'database.configuration',
    'fail',
    /a.conf:3 syntax error/,
    database({ files: [{ ...automatic, automatic: false, file: 'a.conf', error: 'syntax error' }] }),
  ],
  ['database.overrides', 'warn', /work_mem: set by ALTER SYSTEM/, database({ files: [automatic] })],
  [
    'database.restart',
    'warn',
    /max_connections/,
    (facts) =>
      database({
        settings: facts.database.settings.map((each) => ({ ...each, pendingRestart: each.name === 'max_connections' })),
      })(facts),
  ],
  ['database.tls', 'fail', /ssl is off/, set('ssl', 'off')],
  ['database.tls', 'fail', /TLSv1 is taken/, set('ssl_min_protocol_version', 'TLSv1')],
  ['database.hba', 'fail', /trust/, hba({ type: 'local', method: 'trust' })],
  ['database.hba', 'fail', /md5/, hba({ method: 'md5', address: '127.0.0.1' })],
  ['database.hba', 'fail', /host 10.0.0.0/, hba({ type: 'host', address: '10.0.0.0' })],
  ['database.hba', 'fail', /hostnossl/, hba({ type: 'hostnossl', address: 'all' })],
  ['database.hba', 'fail', /line 9: unknown option/, hba({ error: 'unknown option' })],
  [
    'database.extensions',
    'warn',
    /pgcrypto missing/,
    (facts) => database({ extensions: facts.database.extensions.slice(1) })(facts),
  ],
  [
    'database.extensions',
    'warn',
    /pgcrypto 1.2 -> 1.3/,
    (facts) =>
      database({
        extensions: facts.database.extensions.map((each, index) =>
          index === 0 ? { ...each, installed: '1.2' } : each,
        ),
      })(facts),
  ],
  ['database.slots', 'fail', /gone has lost its WAL/, slot({ walStatus: 'lost', heldBytes: null })],
  ['database.slots', 'fail', /gone holds 5.0 GiB/, slot({ heldBytes: 5 * 1024 ** 3 })],
  ['database.wraparound', 'warn', /shop: 700,000,000/, databases({ age: 700_000_000 })],
  ['database.wraparound', 'fail', /shop: 1,700,000,000/, databases({ multixactAge: 1_700_000_000 })],
  ['database.bloat', 'warn', /public.sales: 60,000/, table({ dead: 60_000 })],
  ['database.statistics', 'warn', /public.sales: not analysed/, table({ neverAnalysed: true })],
  ['database.statistics', 'warn', /public.sales: not analysed/, table({ modified: 200_000 })],
  ['database.indexes', 'fail', /public.broken/, database({ indexes: [{ name: 'public.broken' }] })],
  [
    'database.sequences',
    'warn',
    /sales_id_seq: 80 %/,
    database({ sequences: [{ name: 'sales_id_seq', usedPercent: 80 }] }),
  ],
  [
    'database.sequences',
    'fail',
    /sales_id_seq: 95 %/,
    database({ sequences: [{ name: 'sales_id_seq', usedPercent: 95 }] }),
  ],
  ['database.connections', 'warn', /85 of 97/, activity({ connections: 85 })],
  ['database.connections', 'fail', /96 of 97/, activity({ connections: 96 })],
  ['database.transactions', 'fail', /2 prepared/, activity({ forgottenPrepared: 2 })],
  ['database.transactions', 'warn', /for its client for 2 h/, activity({ longestIdle: 7_200 })],
  ['database.transactions', 'warn', /has run for 10 h/, activity({ oldestTransaction: 36_000 })],
  ['database.locks', 'warn', /9 sessions/, activity({ blocked: 9 })],
  ['database.logging', 'fail', /parameters/, set('log_parameter_max_length', '-1')],
  ['database.logging', 'warn', /no trace/, set('log_min_duration_statement', '-1')],
  ['database.autovacuum', 'fail', /autovacuum is off/, set('autovacuum', 'off')],
  ['roles.superusers', 'fail', /mallory/, roles(role('mallory', { superuser: true }))],
  ['roles.visitors', 'fail', /anon passes/, database({ roles: [role('anon', { bypassesRls: true, login: false })] })],
  ['roles.visitors', 'fail', /authenticator passes/, database({ roles: [role('authenticator', { superuser: true })] })],
  ['roles.passwords', 'warn', /old: MD5/, roles(role('old', { password: 'md5' }))],
  ['roles.policies', 'warn', /reporting/, roles(role('reporting', { bypassesRls: true }))],
  ['certificates.expiry', 'warn', /server: 20 days left/, certificate({ expiresAt: NOW + 20 * DAY * 1_000 })],
  ['certificates.expiry', 'fail', /server: ended 2 days ago/, certificate({ expiresAt: NOW - 2 * DAY * 1_000 })],
  ['certificates.expiry', 'fail', /server.crt is missing/, certificate({ expiresAt: null })],
  ['certificates.trust', 'fail', /server.crt/, certificate({ trusted: false })],
  ['volume.encrypted', 'fail', /nothing encrypts vda1/, volume('refused')],
  ['volume.encrypted', 'warn', /^PLAINTEXT ALLOWED/, volume('refused', true)],
  ['volume.leaks', 'warn', /nothing encrypts/, volume('noted')],
  ['units.active', 'fail', /vectabase.service is failed/, unit({ state: 'failed' })],
  ['units.enabled', 'fail', /vectabase.service/, unit({ enabled: false })],
  ['units.restarts', 'warn', /vectabase.service: 7 times/, unit({ restarts: 7 })],
  ['units.exposure', 'warn', /vectabase.service 9.6 \(limit 1.5\)/, unit({ exposure: 9.6 })],
  ['files.modes', 'fail', /keys.json 644/, file({ mode: 0o644 })],
  ['files.present', 'fail', /keys.json missing/, file({ mode: null })],
  [
    'files.drift',
    'warn',
    /50-vectabase.conf: changed/,
    () => ({ drift: [{ target: '50-vectabase.conf', note: 'changed' }] }),
  ],
  ['keys.master', 'fail', /it is missing/, of('keys', { masterKey: 'missing' })],
  ['keys.master', 'fail', /it is wrong/, of('keys', { masterKey: 'wrong' })],
  ['keys.master', 'warn', /prove/, of('keys', { masterKey: 'unproved' })],
  ['keys.secrets', 'fail', /nothing here opens/, of('keys', { secretsIdentity: false })],
  ['backups.key', 'fail', /there is none/, of('keys', { recoveryKey: false })],
  ['backups.age', 'fail', /there is none/, of('backups', { newestAge: null })],
  ['backups.age', 'fail', /48 h behind/, of('backups', { newestAge: 0, clockBehind: 2 * DAY })],
  ['backups.age', 'warn', /48 h ago/, of('backups', { newestAge: 2 * DAY })],
  ['backups.age', 'fail', /ago/, of('backups', { newestAge: 8 * DAY })],
  ['backups.place', 'fail', /not a backup/, of('backups', { sameDisk: true })],
  ['backups.copies', 'fail', /nothing is in s3:\/\/b/, of('backups', { copies: [{ where: 's3://b', behind: null }] })],
  [
    'backups.copies',
    'warn',
    /s3:\/\/b: 3 h behind/,
    of('backups', {
      copies: [
        { where: 's3://a', behind: 1 },
        { where: 's3://b', behind: 10_800 },
      ],
    }),
  ],
  ['backups.copies', 'fail', /behind/, of('backups', { copies: [{ where: 's3://b', behind: 2 * DAY }] })],
  ['backups.rehearsal', 'warn', /never/, of('backups', { rehearsalAge: null })],
  ['backups.rehearsal', 'warn', /ago/, of('backups', { rehearsalAge: 30 * DAY })],
  [
    'backups.locked',
    'warn',
    /age1x does not open 2 epochs/,
    of('backups', { locked: [{ recipient: 'age1x', epochs: ['a', 'b'] }] }),
  ],
  ['backups.key-proof', 'warn', /never proved/, of('backups', { keyProofAge: null })],
  ['backups.key-proof', 'warn', /ago/, of('backups', { keyProofAge: 60 * DAY })],
  ['backups.lag', 'warn', /only whole backups/, of('backups', { continuous: false, lag: null })],
  ['backups.lag', 'fail', /nothing was archived/, of('backups', { lag: null })],
  ['backups.lag', 'warn', /15 min behind/, of('backups', { lag: 900 })],
  ['backups.lag', 'fail', /2 h behind/, of('backups', { lag: 7_200 })],
  ['backups.archiving', 'fail', /archive_mode is off/, set('archive_mode', 'off')],
  ['backups.archiving', 'fail', /0000A was refused/, archiver({ failing: true, lastFailed: '0000A' })],
  ['backups.archiving', 'warn', /20 wait/, archiver({ ready: 20 })],
  ['backups.archiving', 'fail', /200 wait/, archiver({ ready: 200 })],
  ['backups.configuration', 'warn', /none for 48 h/, of('backups', { configAge: 2 * DAY })],
  ['alerts.raised', 'warn', /the disk is 86 % full/, alerts(DISK)],
  ['alerts.raised', 'fail', /^the job base failed; the disk is 86 % full \(du -xh \/\)$/, alerts(DISK, JOB)],
  [
    'settings.accepted',
    'fail',
    /vectabase.yml:3:5: not YAML/,
    of('settings', { mistakes: ['vectabase.yml:3:5: not YAML'] }),
  ],
  [
    'network.listeners',
    'fail',
    /Postgres on 0.0.0.0:5432/,
    of('network', { listeners: [{ address: '0.0.0.0', port: 5432, what: 'Postgres', meant: false }] }),
  ],
  ['network.firewall', 'warn', /not loaded/, of('network', { firewall: false })],
  ['api.ready', 'fail', /it says 503/, of('api', { status: 503 })],
  ['api.ready', 'fail', /ECONNREFUSED/, of('api', { status: null, reason: 'ECONNREFUSED' })],
  ['api.public', 'warn', /not set/, of('api', { publicUrl: null })],
  ['api.public', 'fail', /ENOTFOUND/, publicUrl({ status: null, reason: 'ENOTFOUND' })],
  ['api.public', 'fail', /says 502/, publicUrl({ status: 502 })],
  ['api.public', 'warn', /not encrypted/, publicUrl({ url: 'http://a.example', secure: false })],
  ['mail.server', 'warn', /no mail server/, of('mail', { server: null })],
  ['mail.server', 'fail', /ETIMEDOUT/, of('mail', { answers: false, reason: 'ETIMEDOUT' })],
];

describe('a broken machine', () => {
  test.each(BROKEN)('%s: %s', (id, level, evidence, change) => {
    const facts = goodFacts();
    const verdict = judge(id, { ...facts, ...change(facts) });
    expect(verdict).toMatchObject({ level, evidence: expect.stringMatching(evidence) as unknown });
    const { fix = '' } = verdict as { fix?: string };
    expect(fix).toMatch(COMMAND);
    expect(wordsWithoutCommand(fix)).toEqual([]);
  });

  test('every check can fail', () => {
    const broken = new Set(BROKEN.map(([id]) => id));
    expect(CHECKS.map(({ id }) => id).filter((id) => !broken.has(id))).toEqual([]);
  });
});

/** Of a command line of ours: the words that name no command of this release. */
function wordsWithoutCommand(fix: string): string[] {
  const [program, ...words] = fix.split(' ');
  if (program !== 'vectabase') return [];
  const { unknown, isCommand, rest } = findCommand(words, COMMANDS);
  return unknown || !isCommand ? [...rest, fix] : [];
}

const COMMANDS = readdirSync(assetPath('src', 'commands'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/\.ts$/, '').replaceAll('/', ':'));

/** What a person can type as it stands: a program first, and nothing to think about in brackets. */
const COMMAND =
  /^(vectabase|sudoedit|systemctl|apt-get|journalctl|timedatectl|unattended-upgrade|chmod|curl|du|ps) (?!.*\(stop)[^…]*$/;

test('the first step to a backup is the key that it is sealed for', () => {
  const facts = goodFacts();
  const none = { ...facts.backups, newestAge: null };
  for (const id of ['backups.age', 'status.backups'])
    for (const [recoveryKey, fix] of [
      [false, 'vectabase backup key --out recovery.key'],
      [true, 'vectabase backup create'],
    ] as const)
      expect(judge(id, { ...facts, backups: { ...none, recoveryKey } })).toMatchObject({ level: 'fail', fix });
});

describe('examine', () => {
  const everything = (facts: Facts): Looks =>
    Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, async () => fact]));

  test('asks every check, and says what is healthy', async () => {
    const result = await examine(CHECKS, everything(goodFacts()), ABOUT);
    expect(result).toMatchObject({ healthy: true, counts: { ok: CHECKS.length, warn: 0, fail: 0, unknown: 0 } });
    const warned = { ...goodFacts(), drift: [{ target: 'a', note: '' }] };
    expect(await examine(CHECKS, everything(warned), ABOUT)).toMatchObject({ healthy: true, counts: { warn: 1 } });
  });

  test('a fact that fails or hangs spoils its own checks alone, and is no good sign', async () => {
    const looks: Looks = {
      ...everything(goodFacts()),
      mail: async () => {
        throw new Error('no such host');
      },
      network: async () => new Promise<never>(() => undefined),
    };
    const result = await examine(CHECKS, looks, ABOUT, 50);
    const unknown = result.findings.filter(({ level }) => level === 'unknown');
    expect(unknown.map(({ id, evidence }) => [id, evidence])).toEqual([
      ['network.listeners', 'no answer in 0.05 s'],
      ['network.firewall', 'no answer in 0.05 s'],
      ['mail.server', 'no such host'],
    ]);
    expect(unknown.every(({ fix }) => COMMAND.test(fix?.replace('sudo ', '') ?? ''))).toBe(true);
    expect(result).toMatchObject({ healthy: false, counts: { unknown: 3, fail: 0 } });
  });

  test('does not ask what has no meaning here, nor what nobody can find out', async () => {
    const { mail: _, ...looks } = everything(goodFacts());
    const result = await examine(CHECKS, looks, { ...ABOUT, kind: 'up' });
    const ids = result.findings.map(({ id }) => id);
    expect(ids).not.toContain('mail.server');
    expect(ids).not.toContain('units.active');
    expect(ids).toContain('database.hba');
  });

  test('the lines of status are checks too', async () => {
    const bad = { ...goodFacts(), backups: { ...goodFacts().backups, newestAge: null } };
    const lines = async (facts: Facts, checks: readonly AnyCheck[] = STATUS_CHECKS) =>
      (await examine(checks, everything(facts), ABOUT)).findings.map(({ title, level }) => `${title} ${level}`);
    expect(new Set((await lines(goodFacts())).map((line) => line.split(' ').at(-1)))).toEqual(new Set(['ok']));
    expect(await lines(bad)).toContain('Backups fail');
    const plaintext = { ...goodFacts(), ...volume('refused', true)(goodFacts()) };
    const [line] = (await examine(STATUS_CHECKS, everything(plaintext), ABOUT)).findings.filter(
      ({ title }) => title === 'Volume',
    );
    expect(line).toMatchObject({ level: 'warn', evidence: expect.stringContaining('PLAINTEXT ALLOWED') as unknown });
  });
});
