import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { messageOf, VectabaseError } from '../../foundation/core/errors.ts';
import { errorCode, isConnectionLost } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { applyTemplates } from '../../foundation/postgres/templates.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { rank } from './finding.ts';
import type { Finding, Severity } from './model.ts';
import { glob } from './sensitive.ts';

/** A change and its way back, as two scripts that psql can run. */
export interface Migration {
  /** `20261101T100000Z`. */
  readonly name: string;
  readonly findings: readonly string[];
  readonly up: string;
  readonly down: string;
}

/** Which findings to mend: of a severity or graver, or by id with `*`. */
export interface Choice {
  readonly severity: Severity;
  readonly only: readonly string[];
  readonly except: readonly string[];
}

export function chosen(findings: readonly Finding[], { severity, only, except }: Choice): Finding[] {
  const matches = (patterns: readonly string[], { id }: Finding): boolean =>
    patterns.some((pattern) => glob(pattern).test(id));
  return findings.filter(
    (finding) =>
      (finding.fix?.up.length ?? 0) > 0 &&
      !matches(except, finding) &&
      (only.length > 0 ? matches(only, finding) : rank(finding.severity) <= rank(severity)),
  );
}

/** The fixes of some findings as one change, in their order; its way back in the opposite one. */
export function makeMigration(findings: readonly Finding[], now: number): Migration {
  const name = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const script = (ordered: readonly Finding[], side: 'up' | 'down', title: string): string =>
    [
      `-- ${title} Runs in one transaction.`,
      ...ordered.flatMap(({ id, summary, fix }) => [
        '',
        `-- ${oneLine(`${id}: ${summary}`)}`,
        ...(side === 'up' && fix?.caveat ? [`-- ${oneLine(fix.caveat)}`] : []),
        ...(fix?.[side] ?? []).map((statement) => `${statement};`),
      ]),
      '',
    ].join('\n');
  return {
    name,
    findings: findings.map(({ id }) => id),
    up: script(findings, 'up', 'Written by vectabase audit policies --apply.'),
    down: script(findings.toReversed(), 'down', `Takes ${name}.up.sql back: what it closed is open again.`),
  };
}

export interface MigrationFiles {
  readonly up: string;
  readonly down: string;
}

/** Writes `NAME.up.sql` and `NAME.down.sql` below `folder`. */
export async function writeMigration(folder: string, { name, up, down }: Migration): Promise<MigrationFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = { up: path.resolve(folder, `${name}.up.sql`), down: path.resolve(folder, `${name}.down.sql`) };
  await writeDurably(files.up, up);
  await writeDurably(files.down, down);
  return files;
}

/** Applies it together with its record. @throws VectabaseError AUDIT_REFUSED when Postgres refuses a statement; nothing is kept then */
export async function applyMigration(session: Session, { name, findings, up, down }: Migration): Promise<void> {
  await applyTemplates(session, 'audit');
  await changing(session, name, async () => {
    await session.rows('insert into vectabase.audit_migrations (name, findings, up, down) values ($1, $2, $3, $4)', [
      name,
      findings,
      up,
      down,
    ]);
    await session.script(up);
  });
}

/** Takes the newest one back. @throws VectabaseError AUDIT_NOTHING_TO_UNDO, AUDIT_REFUSED */
export async function undoMigration(session: Session): Promise<Migration> {
  const newest = await newestMigration(session);
  if (newest === undefined) {
    throw new VectabaseError('AUDIT_NOTHING_TO_UNDO', {
      message: `no change of an audit is on record in database ${session.address.database}`,
      hint: 'Run vectabase audit policies to see what is open.',
    });
  }
  await changing(session, newest.name, async () => {
    await session.rows('update vectabase.audit_migrations set undone_at = now() where name = $1', [newest.name]);
    await session.script(newest.down);
  });
  return newest;
}

async function newestMigration(session: Session): Promise<Migration | undefined> {
  const [record] = await session.rows<{ there: boolean }>(
    `select to_regclass('vectabase.audit_migrations') is not null as there`,
  );
  if (record?.there !== true) return undefined;
  const [newest] = await session.rows<Migration & Record<string, unknown>>(
    `select name, to_json(findings) as findings, up, down from vectabase.audit_migrations
     where undone_at is null order by id desc limit 1`,
  );
  return newest;
}

async function changing(session: Session, name: string, body: () => Promise<void>): Promise<void> {
  try {
    await inTransaction(session, async () => {
      // Policies and grants take their locks for an instant; behind a long query nobody should queue for more than that.
      await session.script("set local lock_timeout = '5s'");
      await body();
    });
  } catch (cause) {
    const code = errorCode(cause);
    if (code === undefined || isConnectionLost(cause)) throw cause;
    throw new VectabaseError('AUDIT_REFUSED', {
      message: `Postgres refused ${name}, and nothing of it was kept: ${messageOf(cause)}`,
      hint:
        code === '55P03'
          ? 'A long query holds one of the tables; run the command again when it has ended.'
          : 'Policies or grants were changed since it was written. Look at its files, and run vectabase audit policies again.',
      details: { migration: name, sqlState: code },
      cause,
    });
  }
}

/** Names may hold line feeds, and a comment ends at one. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\u2028\u2029]+/g, ' ');
}
