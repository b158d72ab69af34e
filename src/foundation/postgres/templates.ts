import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { assetPath } from '../core/assets.ts';
import { messageOf, VectabaseError } from '../core/errors.ts';
import { describeAddress } from './address.ts';
import { errorCode, isConnectionLost, isSqlState } from './errors.ts';
import type { Session } from './session.ts';
import { literal } from './sql.ts';

export interface TemplateOptions {
  /** Values for `{{name}}` in the files; each arrives as a quoted SQL literal. The checksum is of the file, not of them. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Directory that holds one directory per area; the shipped `templates/sql` unless told. */
  readonly root?: string;
}

interface Step {
  readonly version: number;
  /** File name without `.sql`: `0001_roles`. */
  readonly name: string;
  readonly text: string;
  /** sha256 in hex, of the text with LF line ends. */
  readonly checksum: string;
}

/** One lock for all areas of a database: two installers take turns, whatever they install. 'vectabas' as a number. */
export const INSTALL_LOCK = '8531334420624466291';

/**
 * Brings one area of the schema to this release: applies the files of `templates/sql/<area>/NNNN_name.sql` that the
 * database has not recorded in `vectabase.schema_migrations`, in order, each in one transaction with its record.
 * Needs a superuser. Safe to run again, after a kill, and twice at once.
 *
 * @returns the names of the steps that this call applied
 * @throws VectabaseError SCHEMA_NEWER, SCHEMA_EDITED, SCHEMA_FAILED, DATABASE_PERMISSION
 */
export async function applyTemplates(
  session: Session,
  area: string,
  options: TemplateOptions = {},
): Promise<{ applied: string[] }> {
  const steps = await readSteps(path.join(options.root ?? assetPath('templates', 'sql'), area));
  const applied: string[] = [];
  await inTransaction(session, area, () => prepareLedger(session));
  for (const step of steps) {
    const done = await inTransaction(session, step.name, () => applyOnce(session, area, steps, step, options));
    if (done) applied.push(step.name);
  }
  return { applied };
}

/** The steps of an area that `applyTemplates` would apply now. Looks only. */
export async function pendingTemplates(session: Session, area: string): Promise<string[]> {
  const steps = await readSteps(path.join(assetPath('templates', 'sql'), area));
  const [ledger] = await session.rows<{ there: boolean }>(
    `select to_regclass('vectabase.schema_migrations') is not null as there`,
  );
  if (ledger?.there !== true) return steps.map(({ name }) => name);
  const recorded = await session.rows<{ version: number }>(
    'select version from vectabase.schema_migrations where area = $1',
    [area],
  );
  const versions = new Set(recorded.map(({ version }) => version));
  return steps.filter(({ version }) => !versions.has(version)).map(({ name }) => name);
}

async function readSteps(directory: string): Promise<Step[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).toSorted();
  const steps = await Promise.all(files.map((file) => readStep(directory, file)));
  steps.forEach((step, index) => {
    if (step.version !== index + 1) throw new Error(`${directory}: ${step.name} should be number ${index + 1}`);
  });
  return steps;
}

async function readStep(directory: string, file: string): Promise<Step> {
  const version = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(file)?.[1];
  if (version === undefined) throw new Error(`${directory}/${file} is not named NNNN_name.sql`);
  const text = (await readFile(path.join(directory, file), 'utf8')).replaceAll('\r\n', '\n');
  const checksum = createHash('sha256').update(text).digest('hex');
  return { version: Number(version), name: file.slice(0, -'.sql'.length), text, checksum };
}

async function prepareLedger(session: Session): Promise<void> {
  await session.script(await readFile(assetPath('templates', 'sql', 'ledger.sql'), 'utf8'));
}

/** Runs under the lock, so what it reads cannot change before it commits. False when the step was there already. */
async function applyOnce(
  session: Session,
  area: string,
  steps: readonly Step[],
  step: Step,
  options: TemplateOptions,
): Promise<boolean> {
  const recorded = await session.rows<{ version: number; name: string; checksum: string }>(
    'select version, name, checksum from vectabase.schema_migrations where area = $1 order by version',
    [area],
  );
  const newest = recorded.at(-1);
  if (newest && newest.version > steps.length) throw tooNew(session, area, newest, steps.length);
  const mine = recorded.find((row) => row.version === step.version);
  if (mine) {
    if (mine.checksum !== step.checksum) throw edited(session, area, mine.name);
    return false;
  }
  await session.rows(
    'insert into vectabase.schema_migrations (area, version, name, checksum) values ($1, $2, $3, $4)',
    [area, step.version, step.name, step.checksum],
  );
  await session.script(withVariables(step, options.variables ?? {}));
  return true;
}

async function inTransaction<T>(session: Session, what: string, body: () => Promise<T>): Promise<T> {
  await session.script('begin');
  try {
    await session.script(
      `set local statement_timeout = 0; set local lock_timeout = 0; set local search_path = pg_catalog;
       set local client_min_messages = warning; select pg_advisory_xact_lock(${INSTALL_LOCK})`,
    );
    const result = await body();
    await session.script('commit');
    return result;
  } catch (error) {
    await session.script('rollback').catch(() => undefined);
    throw explain(error, session, what);
  }
}

function withVariables(step: Step, variables: Readonly<Record<string, string>>): string {
  return step.text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`${step.name} needs a value for {{${name}}}`);
    return literal(value);
  });
}

function explain(error: unknown, session: Session, what: string): unknown {
  if (error instanceof VectabaseError || errorCode(error) === undefined || isConnectionLost(error)) return error;
  if (isSqlState(error, '42501')) {
    return new VectabaseError('DATABASE_PERMISSION', {
      message: `${describeAddress(session.address)} refused schema step ${what}: ${messageOf(error)}`,
      hint: 'Connect as a superuser (supabase_admin, or postgres on a plain server).',
      details: { step: what },
      cause: error,
    });
  }
  return new VectabaseError('SCHEMA_FAILED', {
    message: `schema step ${what} failed on ${describeAddress(session.address)}: ${messageOf(error)}`,
    hint: isSqlState(error, '0A000', '58P01')
      ? 'Install the postgresql-contrib package of this server, then run the command again. Nothing of this step was kept.'
      : 'Report this with the message. Nothing of this step was kept; the same command can be run again.',
    details: { step: what, sqlState: errorCode(error) ?? null },
    cause: error,
  });
}

function tooNew(session: Session, area: string, newest: { version: number; name: string }, known: number): Error {
  return new VectabaseError('SCHEMA_NEWER', {
    message: `${describeAddress(session.address)} was set up by a newer release: ${area} is at ${newest.name}, this release knows ${known} steps`,
    hint: 'Install the newer release again, or restore a backup that was made before it.',
    details: { area, recorded: newest.version, known },
  });
}

function edited(session: Session, area: string, name: string): Error {
  return new VectabaseError('SCHEMA_EDITED', {
    message: `${area}/${name} was applied to ${describeAddress(session.address)} with another text than this release ships`,
    hint: 'Install the release that made this database, or restore the original file: applied steps are never changed.',
    details: { area, step: name },
  });
}
