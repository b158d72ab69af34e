import { isPlatformSchema } from '../../../foundation/postgres/managed.ts';
import type { Catalog } from '../catalog/model.ts';
import { isManagedSchema } from '../plan/scope.ts';
import { blocker, count, list, mebibytes, note, warning, type Finding } from './finding.ts';
import { named, ownTables, type PreflightInput } from './input.ts';

/** What is in the source: what moves with a catch, and what does not. */
export function contentChecks({ source, sourceCatalog, drift, selection }: PreflightInput): Finding[] {
  const findings: Finding[] = [];
  const keyless = ownTables(sourceCatalog.tables).filter(
    (table) => table.kind === 'table' && table.primaryKey === null,
  );
  if (keyless.length > 0)
    findings.push(
      note(
        'no-key',
        `without a primary key: ${named(keyless)}; they move and are compared like all others, but cannot be followed by replication`,
      ),
    );
  const sealed = source.passwordKinds['{'] ?? 0;
  if (sealed > 0) {
    findings.push(
      warning(
        'passwords-sealed',
        `${count(sealed, 'user', 'has', 'have')} a password hash that is encrypted with a key of the platform`,
        'The rows move, but these users must reset their password. Ask support for the key, or mail them a reset link after the move.',
      ),
    );
  }
  const unknown = source.passwordKinds['unknown'] ?? 0;
  if (unknown > 0)
    findings.push(
      warning(
        'passwords-unknown',
        `${count(unknown, 'user', 'has', 'have')} a password hash of an unknown kind`,
        'The rows move as they are; these users may have to reset their password.',
      ),
    );
  if (source.cronJobs)
    findings.push(
      warning(
        'cron',
        `${count(source.cronJobs, 'cron job')} will not run here: pg_cron belongs to the platform`,
        'Note them down: select jobname, schedule, command from cron.job;',
      ),
    );
  if (source.vaultSecrets)
    findings.push(
      warning(
        'vault',
        `${count(source.vaultSecrets, 'vault secret', 'is', 'are')} sealed with a key of the platform, and cannot move with the rows`,
        'Take in their values before the old project goes: vectabase secrets import --source',
      ),
    );
  const objects = source.buckets.reduce((sum, bucket) => sum + bucket.objects, 0);
  if (objects > 0) {
    const bytes = source.buckets.reduce((sum, bucket) => sum + bucket.bytes, 0);
    findings.push(
      warning(
        'storage-files',
        `${count(objects, 'file')} (${mebibytes(bytes)}) in ${count(source.buckets.length, 'bucket')}: their rows and policies move, their bytes lie outside the database`,
        'Keep the old project until the files are copied.',
      ),
    );
  }
  if (source.eventTriggers > 0) {
    findings.push(
      note(
        'event-triggers',
        `${count(source.eventTriggers, 'event trigger')} on the source; those of the platform stay there`,
      ),
    );
  }
  const watchers = selection.make.filter(({ kind }) => kind === 'event-trigger');
  if (watchers.length > 0)
    findings.push(
      warning(
        'own-event-triggers',
        `${count(watchers.length, 'event trigger')} of your own: on a hosted project a superuser is spared them, here they run with the rights of whoever changes the schema: ${list(watchers.map(({ identity }) => identity))}`,
        'Read what their functions do, or leave them out with --skip.',
      ),
    );
  if (source.largeObjects > 0)
    findings.push(
      warning(
        'large-objects',
        `${count(source.largeObjects, 'large object', 'does', 'do')} not move`,
        'Store them as bytea or files before the move.',
      ),
    );
  findings.push(...driftChecks(drift), ...roleChecks(selection), ...searchPathChecks(sourceCatalog));
  findings.push(
    note('edge-functions', 'edge functions and their secrets live outside the database and are not visible from here'),
  );
  const leaning = sourceCatalog.objects.filter(
    (object) =>
      object.kind === 'function' &&
      ownSchema(object.schema) &&
      /\b(net\.http_|cron\.|vault\.|pgmq\.|graphql\.)/.test(object.definition),
  );
  if (leaning.length > 0) {
    findings.push(
      warning(
        'leans-on-platform',
        `${count(leaning.length, 'function', 'calls', 'call')} extensions of the platform: ${list(leaning.map(({ identity }) => identity))}`,
        'They move, and fail when called until that part is replaced.',
      ),
    );
  }
  return findings;
}

function driftChecks(drift: PreflightInput['drift']): Finding[] {
  const findings: Finding[] = [];
  if (drift.added.length > 0) {
    const names = list(drift.added.map(({ key }) => key.slice('column '.length)));
    findings.push(
      note('drift-added', `${count(drift.added.length, 'column')} that auth and storage lack here are added: ${names}`),
    );
  }
  if (drift.retyped.length > 0)
    findings.push(note('drift-retyped', `of another type here, moved as text: ${list(drift.retyped)}`));
  if (drift.wanted.length > 0) {
    findings.push(
      blocker(
        'drift-wanted',
        `the target wants values that the source does not have: ${list(drift.wanted)}`,
        'Give those columns a default on the target: ALTER TABLE … ALTER COLUMN … SET DEFAULT …',
      ),
    );
  }
  return findings;
}

function roleChecks(selection: PreflightInput['selection']): Finding[] {
  const logins = selection.make.filter((object) => object.kind === 'role' && /\bLOGIN\b/.test(object.definition));
  if (logins.length === 0) return [];
  return [
    warning(
      'role-passwords',
      `${count(logins.length, 'role')} can log in, and passwords of roles do not move: ${list(logins.map(({ identity }) => identity))}`,
      'Set them after the move: ALTER ROLE … PASSWORD …',
    ),
  ];
}

/** Index, check and matview code runs under a safe search_path, on newer servers always: a function that leans on another one fails there. */
function searchPathChecks(catalog: Catalog): Finding[] {
  const pinned = new Map(
    catalog.objects
      .filter(({ kind }) => kind === 'function')
      .map((object) => [`function ${object.identity}`, /\bSET search_path\b/i.test(object.definition)]),
  );
  const loose = catalog.objects
    .filter(({ kind }) => kind === 'index' || kind === 'check' || kind === 'materialized-view')
    .flatMap(({ needs }) => needs.filter((need) => pinned.get(need) === false));
  if (loose.length === 0) return [];
  return [
    warning(
      'search-path',
      `used by indexes, checks or materialized views, without a search_path of their own: ${list([...new Set(loose)])}`,
      'If one of them fails to build, pin it: ALTER FUNCTION … SET search_path = public, extensions; then go on with --resume.',
    ),
  ];
}

function ownSchema(schema: string | null): boolean {
  return schema !== null && !isPlatformSchema(schema) && !isManagedSchema(schema);
}
