import { REQUIRED_TABLES } from '../../src/operator/migrate/required-tables.ts';
import type { MigrationReport, TableReport } from '../../src/operator/migrate/report.ts';
import type { PlanReport } from '../../src/operator/migrate/show-plan.ts';
import type { MigrationStatus } from '../../src/operator/migrate/status.ts';

/** Reports, plans and states as the operator sees them, one of each kind; tests change what they are about. */
export function sampleTable(table: string, change: Partial<TableReport> = {}): TableReport {
  const hash = Array.from(table)
    .reduce((sum, letter) => (sum * 31n + BigInt(letter.codePointAt(0) ?? 0)) % 2n ** 64n, 7n)
    .toString(16)
    .padStart(16, '0');
  const rows = change.rows ?? 1204;
  return {
    table,
    status: 'verified',
    rows,
    bytes: rows * 212,
    seconds: rows / 40_000,
    parts: 1,
    format: 'binary',
    sourceRows: rows,
    targetRows: rows,
    sourceHash: hash,
    targetHash: hash,
    attempt: 1,
    ...change,
  };
}

const ATTEMPT = {
  attempt: 1,
  snapshotLsn: '0/3A4F2B8',
  snapshotAt: '2026-11-01 10:00:12.482113+00',
  startedAt: '2026-11-01 10:00:12.5+00',
  endedAt: null,
  outcome: null,
};

export function sampleReport(change: Partial<MigrationReport> = {}): MigrationReport {
  const names = [...REQUIRED_TABLES, 'auth.users', 'auth.identities', 'storage.objects'];
  const tables =
    change.tables ?? names.map((table, index) => sampleTable(table, { rows: (names.length - index) ** 2 * 137 }));
  const sum = (number: (table: TableReport) => number): number =>
    tables.reduce((total, table) => total + number(table), 0);
  const statusOf = new Map(tables.map(({ table, status }) => [table, status]));
  return {
    version: 1,
    kind: 'migration',
    runId: '5c2f9a34-7b1e-4d53-9c55-0f6f1f1f0a11',
    outcome: 'complete',
    stopped: null,
    source: 'postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres',
    target: 'postgres@127.0.0.1:54322/postgres',
    startedAt: '2026-11-01T10:00:11.900Z',
    endedAt: '2026-11-01T10:00:53.100Z',
    consistency: 'one snapshot',
    attempts: [ATTEMPT],
    tables,
    totals: {
      tables: tables.filter(({ status }) => status === 'verified' || status === 'copied').length,
      rows: sum(({ rows }) => rows),
      bytes: sum(({ bytes }) => bytes),
      seconds: 41.2,
    },
    required: {
      present: REQUIRED_TABLES.flatMap((table) => {
        const status = statusOf.get(table);
        return status === undefined ? [] : [{ table, status }];
      }),
      absent: REQUIRED_TABLES.filter((table) => !statusOf.has(table)),
    },
    catalogue: {
      compared: 412,
      equal: 409,
      explained: ['index auth.users_email_idx', 'function auth.uid()', 'table storage.buckets'].map((key) => ({
        key,
        why: "auth and storage keep the target's own definition",
      })),
      different: [],
    },
    foreignKeys: { valid: 38, asOnSource: [], notValid: [] },
    sequences: { set: 12, behind: [] },
    leftOut: [
      { key: 'schema realtime', why: 'belongs to the platform, with 41 objects' },
      { key: 'schema vault', why: 'belongs to the platform, with 9 objects' },
      {
        key: 'trigger "notify" on public.sales',
        why: 'needs function supabase_functions.http_request(), which is not moved: schema supabase_functions belongs to the platform',
      },
      { key: 'view public.old_report', why: 'left out by request (--skip)' },
    ],
    ...change,
  };
}

export function resumedReport(change: Partial<MigrationReport> = {}): MigrationReport {
  const second = {
    attempt: 2,
    snapshotLsn: '0/3C00110',
    snapshotAt: '2026-11-01 10:07:40+00',
    startedAt: '2026-11-01 10:07:40.1+00',
    endedAt: null,
    outcome: null,
  };
  return sampleReport({
    consistency: 'revalidated',
    attempts: [ATTEMPT, second],
    endedAt: '2026-11-01T10:08:21.000Z',
    ...change,
  });
}

export function unverifiedReport(): MigrationReport {
  const bare = { status: 'copied', sourceRows: null, targetRows: null, sourceHash: null, targetHash: null } as const;
  return sampleReport({
    outcome: 'complete, not verified',
    tables: sampleReport().tables.map((table) => ({ ...table, ...bare })),
  });
}

export function differingReport(): MigrationReport {
  const tables = sampleReport().tables.map((table) =>
    table.table === 'public.stores'
      ? { ...table, status: 'differs' as const, targetRows: table.rows - 1, targetHash: '00ff00ff00ff00ff' }
      : table,
  );
  const catalogue = {
    compared: 412,
    equal: 410,
    explained: [],
    different: [
      {
        key: 'policy "Own rows" on public.sales',
        expected: 'CREATE POLICY "Own rows" ON public.sales FOR SELECT TO authenticated USING ((auth.uid() = user_id))',
        found: 'CREATE POLICY "Own rows" ON public.sales FOR SELECT TO authenticated USING (true)',
      },
      {
        key: 'index public.sales_created_at_idx',
        expected: 'CREATE INDEX sales_created_at_idx ON public.sales USING btree (created_at DESC)',
        found: null,
      },
    ],
  };
  return sampleReport({
    outcome: 'differences',
    tables,
    catalogue,
    sequences: { set: 12, behind: ['public.sales_id_seq'] },
  });
}

export function stoppedReport(): MigrationReport {
  const none = { sourceRows: null, targetRows: null, sourceHash: null, targetHash: null };
  const tables = sampleReport().tables.map((table, index) => {
    if (index < 6) return table;
    if (index === 6) return { ...table, ...none, status: 'part-way' as const, parts: 4 };
    return { ...table, ...none, status: 'not begun' as const, rows: 0, bytes: 0, seconds: 0, attempt: null };
  });
  return sampleReport({
    outcome: 'stopped',
    stopped:
      'the migration stopped part-way: the disk of the target is full (could not extend file "base/5/16423": No space left on device)',
    tables,
    catalogue: null,
    foreignKeys: null,
    sequences: null,
  });
}

/** What an identifier of a hostile database may hold. */
export const HOSTILE = `x<script>alert(1)</script>"'&\u202Egnp.exe\u001B[2J\u001B]0;owned\u0007\r\n\u200B`;

/** Every text that comes from the database, replaced. */
export function hostileReport(text: string): MigrationReport {
  const base = differingReport();
  return {
    ...base,
    source: text,
    target: text,
    stopped: text,
    tables: base.tables.slice(2, 5).map((table) => ({ ...table, table: text })),
    required: { present: [{ table: text, status: 'verified' }], absent: [text] },
    catalogue: {
      compared: 3,
      equal: 1,
      explained: [{ key: text, why: text }],
      different: [
        { key: text, expected: text, found: `${text}a` },
        { key: text, expected: text, found: null },
      ],
    },
    foreignKeys: { valid: 1, asOnSource: [text], notValid: [text] },
    sequences: { set: 1, behind: [text] },
    leftOut: [{ key: text, why: text }],
  };
}

export function samplePlan(change: Partial<PlanReport> = {}): PlanReport {
  const { tables, leftOut } = sampleReport();
  return {
    source: 'postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres',
    target: 'postgres@127.0.0.1:54322/postgres',
    serverVersion: 170_006,
    findings: [
      {
        id: 'cron',
        level: 'warning',
        what: '3 cron jobs will not run here: pg_cron belongs to the platform',
        fix: 'Note them down: select jobname, schedule, command from cron.job;',
      },
      {
        id: 'locks',
        level: 'note',
        what: 'while rows are copied, ALTER and TRUNCATE on the source wait (reading and writing do not)',
        fix: null,
      },
    ],
    inventory: {
      tables: tables.map(({ table, rows, bytes, parts, format }) => ({
        table,
        rows,
        bytes,
        parts,
        format,
        excluded: false,
        required: table.startsWith('public.'),
      })),
      databaseBytes: 50_541_000,
      made: { table: 60, index: 121, policy: 88, 'foreign-key': 38, function: 31, statistics: 1, grant: 240 },
      extensions: ['pgcrypto', '"uuid-ossp"'],
      roles: ['reporting'],
      cronJobs: 3,
      vaultSecrets: 0,
      webhooks: 1,
      buckets: [{ id: 'avatars', objects: 12, bytes: 4_500_000 }],
      passwordKinds: { $2a$: 311, none: 4 },
      publications: ['supabase_realtime'],
    },
    estimate: { dataBytes: 41_000_000, indexBytes: 9_000_000, bytesPerSecond: 12_582_912, seconds: 5 },
    leftOut,
    existingRun: null,
    // Rides along in the JSON; no renderer reads it.
    plan: {} as PlanReport['plan'],
    ...change,
  };
}

export function sampleStatus(change: Partial<MigrationStatus> = {}): MigrationStatus {
  return {
    runId: '5c2f9a34-7b1e-4d53-9c55-0f6f1f1f0a11',
    state: 'running',
    startedAt: '2026-11-01 10:00:12.5+00',
    finishedAt: null,
    attempts: [ATTEMPT],
    steps: { done: 120, total: 310 },
    tables: { copied: 34, total: 60 },
    rows: 61_204,
    bytes: 23_173_529,
    next: ['copy public.sales 3/4', 'build index public.sales_pkey'],
    ...change,
  };
}
