import { expect, test } from 'vitest';
import { parseOsRelease } from '../../../src/operator/provision/install/facts.ts';
import { pgdgSource } from '../../../src/operator/provision/install/postgres/packages.ts';
import { judge } from '../../../src/operator/provision/install/preflight/judge.ts';
import { parseListeners, type Surroundings } from '../../../src/operator/provision/install/preflight/probe.ts';
import type { InstallSettings, MachineFacts } from '../../../src/operator/provision/install/step.ts';
import { installSettings } from '../../support/install-settings.ts';

const FACTS: MachineFacts = {
  os: { id: 'debian', version: '13', codename: 'trixie' },
  memoryBytes: 960 * 2 ** 20,
  cores: 1,
  systemd: 257,
  virtualization: 'kvm',
};
const SETTINGS = installSettings();
const AROUND: Surroundings = {
  freeData: 20 * 2 ** 30,
  freeSystem: 20 * 2 ** 30,
  now: Date.UTC(2026, 10, 23),
  writtenAt: Date.UTC(2026, 10, 1),
  clockSynchronized: true,
  swapBytes: 2 ** 30,
  listeners: [],
  clusters: [],
  firewalls: [],
  installed: false,
};

test('a fresh server of 1 GB is taken', () => {
  expect(judge(FACTS, SETTINGS, AROUND)).toEqual({ refusals: [], notes: [] });
});

test.each([
  ['debian', '12'],
  ['ubuntu', '22.04'],
  ['ubuntu', '24.04'],
])('%s %s is taken', (id, version) => {
  expect(judge({ ...FACTS, os: { id, version, codename: '' } }, SETTINGS, AROUND).refusals).toEqual([]);
});

/** As the distributions ship it, in /etc/os-release. */
const RELEASES = {
  bookworm: `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
`,
  jammy: `PRETTY_NAME="Ubuntu 22.04.5 LTS"
NAME="Ubuntu"
VERSION_ID="22.04"
VERSION="22.04.5 LTS (Jammy Jellyfish)"
VERSION_CODENAME=jammy
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=jammy
`,
  noble: `PRETTY_NAME="Ubuntu 24.04.2 LTS"
NAME="Ubuntu"
VERSION_ID="24.04"
VERSION="24.04.2 LTS (Noble Numbat)"
VERSION_CODENAME=noble
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=noble
LOGO=ubuntu-logo
`,
  oracular: 'NAME="Ubuntu"\nVERSION_ID="24.10"\nVERSION_CODENAME=oracular\nID=ubuntu\nID_LIKE=debian\n',
  mint: 'NAME="Linux Mint"\nVERSION_ID="22"\nID=linuxmint\nID_LIKE="ubuntu debian"\nUBUNTU_CODENAME=noble\n',
  sid: 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nNAME="Debian GNU/Linux"\nVERSION_CODENAME=forky\nID=debian\n',
};

test.each<[keyof typeof RELEASES, string]>([
  ['oracular', 'this is ubuntu 24.10'],
  ['mint', 'this is linuxmint 22'],
  ['sid', 'this is debian; '],
])('%s is refused by its own name', (release, said) => {
  const { refusals } = judge({ ...FACTS, os: parseOsRelease(RELEASES[release]) }, SETTINGS, AROUND);
  expect(refusals.map(({ message }) => message)).toEqual([expect.stringContaining(said)]);
});

test.each<[keyof typeof RELEASES, major: number, suite: string | undefined]>([
  ['bookworm', 17, 'bookworm-pgdg'],
  ['jammy', 17, 'jammy-pgdg'],
  ['noble', 17, 'noble-pgdg'],
  ['noble', 16, undefined],
])('%s is taken, and has Postgres %i from %s', async (release, postgresMajor, suite) => {
  const facts = { ...FACTS, os: parseOsRelease(RELEASES[release]) };
  expect(judge(facts, SETTINGS, AROUND).refusals).toEqual([]);
  expect(pgdgSource(facts, postgresMajor)?.content.match(/^Suites: (.*)$/m)?.[1]).toBe(suite);
});

const postgresAt = (port: number, ours: boolean) => ({ port, who: 'postgres, pid 7', ours });

test.each<
  [
    string,
    { facts?: Partial<MachineFacts>; settings?: Partial<InstallSettings>; around?: Partial<Surroundings> },
    object,
  ]
>([
  [
    'another system',
    { facts: { os: { id: 'fedora', version: '42', codename: '' } } },
    { message: /fedora 42/, hint: /vectabase up/ },
  ],
  ['an older Debian', { facts: { os: { id: 'debian', version: '11', codename: '' } } }, { message: /debian 11/ }],
  ['no systemd', { facts: { systemd: 0 } }, { hint: /vectabase up/ }],
  ['too little memory', { facts: { memoryBytes: 512 * 2 ** 20 } }, { message: /512 MB/ }],
  ['a full disk', { around: { freeData: 10 ** 8 } }, { code: /DISK_FULL/, message: /95 MB.*\/var\/lib/ }],
  ['a clock in the past', { around: { now: Date.UTC(2000, 0, 1) } }, { message: /2000-01-01/, hint: /timedatectl/ }],
  [
    'a port in use',
    { around: { listeners: [postgresAt(5432, false)] } },
    { code: /PORT_IN_USE/, hint: /--pg-port 5433/ },
  ],
  [
    'a port of a cluster',
    { around: { listeners: [postgresAt(5432, false)], clusters: [{ name: '15/main', port: 5432 }] } },
    { message: /the cluster 15\/main/ },
  ],
  [
    'a web server',
    { settings: { edge: 'caddy' }, around: { listeners: [{ port: 443, who: 'nginx', ours: false }] } },
    { message: /443.*nginx/ },
  ],
])('refused, with what to do: %s', (_, changes, expected) => {
  const [first] = judge(
    { ...FACTS, ...changes.facts },
    { ...SETTINGS, ...changes.settings },
    { ...AROUND, ...changes.around },
  ).refusals;
  for (const [field, pattern] of Object.entries(expected)) {
    expect(String(first?.[field as 'message' | 'hint' | 'code'])).toMatch(pattern as RegExp);
  }
  expect(first?.hint).toMatch(/\.$/);
});

test('what is ours already is in nobody’s way', () => {
  const around = {
    ...AROUND,
    installed: true,
    freeData: 2 ** 29,
    freeSystem: 2 ** 29,
    listeners: [postgresAt(5432, true)],
  };
  expect(judge(FACTS, SETTINGS, around).refusals).toEqual([]);
});

test('another cluster, a firewall and a clock that nobody sets are told', () => {
  const around = {
    ...AROUND,
    clockSynchronized: false,
    firewalls: ['ufw'],
    clusters: [{ name: '15/main', port: 5433 }],
  };
  expect(judge(FACTS, SETTINGS, around).notes.join('\n')).toMatch(/timedatectl[^]*15\/main[^]*ufw/);
});

test('who listens is read from ss', () => {
  const text = [
    'LISTEN 0      200        127.0.0.1:5432      0.0.0.0:*    users:(("postgres",pid=812,fd=6))',
    'LISTEN 0      4096            [::]:22           [::]:*    users:(("sshd",pid=1,fd=4),("systemd",pid=1,fd=60))',
    'LISTEN 0      4096   127.0.0.53%lo:53      0.0.0.0:*',
  ].join('\n');
  expect(parseListeners(text)).toEqual([
    { port: 5432, program: 'postgres', pid: 812 },
    { port: 22, program: 'sshd', pid: 1 },
    { port: 53, program: '', pid: undefined },
  ]);
});
