import type { Facts } from '../../src/operator/doctor/facts.ts';

export const NOW = Date.parse('2026-01-15T12:00:00Z');
const DAY = 86_400;
const GIB = 1024 ** 3;

/** A machine on which all is well. */
export function goodFacts(): Facts {
  return {
    settings: { mistakes: [] },
    system: {
      os: { id: 'debian', version: '13', name: 'Debian GNU/Linux 13 (trixie)' },
      container: false,
      cores: 2,
      load: 0.4,
      memory: { total: 4 * GIB, available: 2 * GIB },
      swap: { total: GIB, used: 0 },
      entropyBits: 256,
      clockSynchronised: true,
      rebootRequired: false,
      journalBytes: 100_000_000,
    },
    disks: [{ path: '/', totalBytes: 80 * GIB, freeBytes: 40 * GIB, inodes: 1_000_000, inodesFree: 900_000 }],
    packages: { node: 'v20.19.2', outdated: [], securityUpdates: 0, unattendedUpgrades: true },
    database: {
      version: 170_010,
      settings: Object.entries(SETTINGS).map(([name, value]) => {
        return { name, setting: value, unit: null, pendingRestart: false, file: '' };
      }),
      files: [],
      hba: [
        {
          line: 1,
          file: 'pg_hba.conf',
          type: 'local',
          databases: '{all}',
          users: '{all}',
          address: '',
          method: 'peer',
          options: '',
          error: null,
        },
        rule({ line: 2, type: 'hostssl', address: '127.0.0.1' }),
        rule({ line: 3, type: 'hostssl', address: '0.0.0.0' }),
        rule({ line: 4, type: 'host', address: 'all', method: 'reject' }),
      ],
      roles: [
        role('supabase_admin', { superuser: true, bypassesRls: true }),
        role('postgres', { bypassesRls: true }),
        role('authenticator'),
        role('anon', { login: false, password: 'none' }),
        role('authenticated', { login: false, password: 'none' }),
        role('service_role', { login: false, bypassesRls: true, password: 'none' }),
      ],
      databases: [{ name: 'postgres', age: 5_000_000, multixactAge: 10, checksumFailures: 0, bytes: GIB }],
      extensions: [
        { name: 'pgcrypto', installed: '1.3', available: '1.3' },
        { name: 'pg_stat_statements', installed: '1.11', available: '1.11' },
      ],
      slots: [{ name: 'changes', active: true, walStatus: 'reserved', heldBytes: 1_000 }],
      tables: [{ name: 'public.sales', live: 1_000_000, dead: 10_000, modified: 2_000, neverAnalysed: false }],
      indexes: [],
      activity: { connections: 20, oldestTransaction: 1, longestIdle: 0, blocked: 0, forgottenPrepared: 0 },
      archiver: { archived: 500, failed: 1, lastFailed: '', failing: false, secondsSinceArchived: 30, ready: 0 },
      sequences: [{ name: 'public.sales_id_seq', usedPercent: 3 }],
    },
    pgbouncer: {
      version: '1.25.2',
      pools: true,
      holes: [],
      answers: true,
      port: 6432,
      settings: {
        pool_mode: 'transaction',
        auth_type: 'scram-sha-256',
        client_tls_sslmode: 'require',
        server_tls_sslmode: 'verify-full',
      },
    },
    certificates: [
      { name: 'authority', file: '/etc/vectabase/tls/ca.crt', expiresAt: NOW + 3_000 * DAY * 1_000, trusted: true },
      { name: 'server', file: '/etc/vectabase/tls/server.crt', expiresAt: NOW + 400 * DAY * 1_000, trusted: true },
    ],
    volume: {
      allowPlaintext: false,
      findings: [{ rule: 'path', level: 'proved', subject: '/var/lib/vectabase/data', reason: 'LUKS2 on dm-0' }],
    },
    units: ['vectabase.service', 'postgresql@17-vectabase.service', 'pgbouncer.service'].map((name) => {
      return { name, state: 'active', enabled: true, restarts: 0, exposure: 1.1, exposureLimit: 1.5 };
    }),
    files: [
      { path: '/etc/vectabase/keys.json', forbidden: 0o077, mode: 0o600, required: true },
      { path: '/etc/vectabase/master.key', forbidden: 0o077, mode: null, required: false },
    ],
    drift: [],
    keys: { masterKey: 'right', secretsIdentity: true, secretFiles: 1, recoveryKey: true },
    backups: {
      line: 'you can return to any second between A and B',
      where: 's3://bucket/shop',
      recoveryKey: true,
      newestAge: 0.5 * DAY,
      sameDisk: false,
      rehearsalAge: 3 * DAY,
      keyProofAge: 20 * DAY,
      configAge: 0.4 * DAY,
      lag: 40,
      continuous: true,
      copies: [],
      locked: [],
    },
    alerts: { conditions: [] },
    network: {
      listeners: [{ address: '127.0.0.1', port: 5432, what: 'Postgres', meant: true }],
      firewall: true,
    },
    api: {
      url: 'http://127.0.0.1:54321',
      status: 200,
      ms: 5,
      reason: '',
      publicUrl: { url: 'https://api.shop.example', status: 200, reason: '', secure: true },
    },
    mail: { server: 'smtp.shop.example:587', answers: true, reason: '' },
  };
}

const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  full_page_writes: 'on',
  data_checksums: 'on',
  zero_damaged_pages: 'off',
  ssl: 'on',
  ssl_min_protocol_version: 'TLSv1.2',
  max_connections: '100',
  superuser_reserved_connections: '3',
  archive_mode: 'on',
  log_min_duration_statement: '100',
  log_parameter_max_length: '0',
  autovacuum: 'on',
  track_counts: 'on',
  data_directory: '/var/lib/vectabase/data/postgres/17/vectabase',
  server_version: '17.10',
};

export function rule(change: Partial<Facts['database']['hba'][number]>): Facts['database']['hba'][number] {
  const plain = {
    line: 9,
    file: 'pg_hba.conf',
    type: 'hostssl',
    databases: '{all}',
    users: '{all}',
    address: '',
    options: '',
    error: null,
  };
  return { ...plain, method: 'scram-sha-256', ...change };
}

export function role(
  name: string,
  change: Partial<Facts['database']['roles'][number]> = {},
): Facts['database']['roles'][number] {
  const plain = { superuser: false, bypassesRls: false, login: true, createsRoles: false, replication: false };
  return { name, ...plain, password: 'scram', expired: null, ...change };
}
