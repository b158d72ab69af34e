import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgeIdentity } from '../../../src/foundation/crypto/age-keys.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { createDump, type DumpEntry } from '../../../src/operator/backup/dump/create.ts';
import { findDump } from '../../../src/operator/backup/dump/find.ts';
import { listDump, restoreDump } from '../../../src/operator/backup/dump/restore.ts';
import type { BackupObservation } from '../../../src/operator/backup/observations.ts';
import { makeRecoveryKey, readRecoveryKey } from '../../../src/operator/backup/recovery-key.ts';
import { openRepository, type Repository } from '../../../src/operator/backup/repository.ts';
import { listening } from '../../support/archive.ts';
import { startSystemPostgres, systemMajors, type SystemPostgres } from '../../support/system-postgres.ts';

const SECRET = 'a row that nobody else should read';
const major = systemMajors().at(-1);

/** The packaged binaries have no pg_dump: test/vps/restore.test.ts does the same with Debian's 17. */
describe.skipIf(major === undefined)('a dump', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'vt-dump-'));
  const place = { directory: path.join(home, 'backups'), home: { directory: path.join(home, 'backup') } };
  let server: SystemPostgres;
  let repository: Repository;
  let identities: AgeIdentity[];
  let entry: DumpEntry;

  beforeAll(async () => {
    server = await startSystemPostgres(major ?? 0);
    await ask('postgres', `create role seller login password 'hunter2'; create database "Odd name"`);
    await ask(
      'postgres',
      `create table sales (id integer primary key, note text);
      insert into sales select n, '${SECRET} ' || n from generate_series(1, 5000) n; alter table sales owner to seller`,
    );
    await ask('Odd name', 'create table other (id integer)');
    await makeRecoveryKey(place.home, path.join(home, 'recovery.key'), Date.now());
    repository = await openRepository(place);
    identities = await readRecoveryKey(path.join(home, 'recovery.key'));
    entry = await createDump({ address: server.address('postgres'), repository }, listening());
  });

  afterAll(async () => {
    await server.stop();
    rmSync(home, { recursive: true });
  });

  async function ask(database: string, statement: string): Promise<unknown[]> {
    const session = await Session.open(server.address(database), { applicationName: 'dump test' });
    try {
      if (statement.startsWith('select')) return await session.rows(statement);
      for (const each of statement.split('; ')) await session.script(each);
      return [];
    } finally {
      await session.close();
    }
  }

  const input = (more: object = {}) => ({
    repository,
    entry,
    identities,
    address: server.address('postgres'),
    database: 'postgres',
    ...more,
  });

  test('holds every database, the roles and the counts, and nothing in clear', async () => {
    expect(entry.objects.map(({ object }) => object.split('/').at(-1))).toEqual([
      '=4f6464206e616d65.dump',
      'postgres.dump',
      'globals.sql',
      'counts.json',
    ]);
    expect(await findDump(repository, undefined, new AbortController().signal)).toMatchObject({ label: entry.label });
    for (const { object } of entry.objects) {
      const bytes = await readFile(path.join(place.directory, entry.systemId, `${object}.vbk`));
      for (const clear of [SECRET, 'seller', 'hunter2']) expect(bytes.includes(clear)).toBe(false);
    }
  });

  test('is listed by pg_restore', async () => {
    expect(await listDump(input(), listening())).toBeGreaterThan(2);
  });

  test('restores into a database of its own, with the roles that are gone', async () => {
    await ask('postgres', 'drop table sales; drop role seller');
    const report = await restoreDump(input(), listening());
    expect(report).toMatchObject({ tables: 1, rows: 5000, kept: null });
    expect(
      await ask(report.database, `select relowner::regrole::text as owner from pg_class where relname = 'sales'`),
    ).toEqual([{ owner: 'seller' }]);
    await ask('postgres', `drop database ${report.database}`);
  });

  test('changes names with the database that is there, which is kept', async () => {
    await ask('postgres', 'create table newer (id integer)');
    const held = await Session.open(server.address('postgres'), { applicationName: 'a pool' });
    held.onLost(() => undefined);
    const asked: number[] = [];
    const replace = async ({ rows }: { rows: number }): Promise<void> => void asked.push(rows);
    const report = await restoreDump(input({ replace }), listening());
    expect(asked).toEqual([5000]);
    expect(await ask('postgres', 'select count(*)::integer as rows from sales')).toEqual([{ rows: 5000 }]);
    expect(await ask(report.kept ?? '', `select to_regclass('newer') is not null as there`)).toEqual([{ there: true }]);
    await held.close();
  });

  test('that was refused, cut or is of too old a tool leaves no database behind', async () => {
    const databases = async (): Promise<unknown[]> => ask('postgres', 'select datname from pg_database order by 1');
    const before = await databases();
    const refuse = async (): Promise<void> => {
      throw new Error('no');
    };
    await expect(restoreDump(input({ replace: refuse }), listening())).rejects.toThrow('no');
    const file = path.join(place.directory, entry.systemId, 'dump', entry.label, 'postgres.dump.vbk');
    await truncate(file, (await stat(file)).size - 1);
    await expect(restoreDump(input(), listening())).rejects.toMatchObject({
      code: expect.stringMatching(/BACKUP_DAMAGED|PROGRAM_FAILED/) as string,
    });
    expect(await databases()).toEqual(before);
    await expect(listDump(input({ entry: { ...entry, postgres: '99.1' } }), listening())).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      hint: expect.stringContaining('postgresql-client-99') as string,
    });
  });

  test('whose program fails is no dump', async () => {
    const stopping = listening<BackupObservation>();
    const ctx = {
      ...stopping,
      observe: (told: BackupObservation) =>
        told.event === 'backup.dump.started' && stopping.stop.abort(new Error('stopped')),
    };
    await expect(createDump({ address: server.address('postgres'), repository }, ctx)).rejects.toThrow('stopped');
    const dumps = await readdir(path.join(place.directory, entry.systemId, 'dump'));
    expect(dumps).toEqual([entry.label]);
    expect(
      existsSync(path.join(place.directory, '.staging')) ? await readdir(path.join(place.directory, '.staging')) : [],
    ).toEqual([]);
  });
});
