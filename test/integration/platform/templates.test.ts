import { appendFile, cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

const STEPS = ['0001_roles', '0002_schemas', '0003_auth', '0004_storage', '0005_realtime', '0006_pooler'];

let cluster: TestCluster;
let root: string;
const open: Session[] = [];

beforeAll(async () => {
  cluster = await startTestCluster();
  root = await mkdtemp(path.join(tmpdir(), 'vt-templates-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.close()));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await cluster.stop();
});

async function newDatabase(name: string): Promise<Session> {
  return connect(await cluster.createDatabase(name));
}

async function connect(address: Parameters<typeof Session.open>[0]): Promise<Session> {
  const session = await Session.open(address, { applicationName: 'templates test' });
  open.push(session);
  return session;
}

/** The shipped files in a place where a test may edit them. */
async function copyOfTemplates(name: string): Promise<{ root: string; file: (step: string) => string }> {
  const copy = path.join(root, name);
  await cp(assetPath('templates', 'sql'), copy, { recursive: true });
  return { root: copy, file: (step) => path.join(copy, 'platform', `${step}.sql`) };
}

describe('applyTemplates', () => {
  test('applies every step once, and nothing the second time', async () => {
    const session = await newDatabase('twice');
    expect(await applyTemplates(session, 'platform')).toEqual({ applied: STEPS });
    const before = await session.rows('select * from vectabase.schema_migrations order by version');
    expect(await applyTemplates(session, 'platform')).toEqual({ applied: [] });
    expect(await session.rows('select * from vectabase.schema_migrations order by version')).toEqual(before);
    expect(before.map((row) => row.name)).toEqual(STEPS);
  });

  test('lets installers of one database and of two take turns', async () => {
    // Roles of a fresh server: the second database must not trip over those that the first is making.
    const fresh = await startTestCluster();
    try {
      const names = ['left', 'right'];
      const addresses = [];
      for (const name of names) addresses.push(await fresh.createDatabase(name));
      const sessions = await Promise.all([...addresses, ...addresses, ...addresses].map(connect));
      const results = await Promise.all(sessions.map((session) => applyTemplates(session, 'platform')));
      for (const [index] of names.entries()) {
        const mine = results.filter((_, each) => each % names.length === index);
        expect(mine.flatMap(({ applied }) => applied).toSorted()).toEqual(STEPS);
      }
    } finally {
      await Promise.all(open.splice(0).map((session) => session.close()));
      await fresh.stop();
    }
  });

  test('notices that an applied file was edited', async () => {
    const templates = await copyOfTemplates('edited');
    const session = await newDatabase('edited');
    await applyTemplates(session, 'platform', { root: templates.root });
    await appendFile(templates.file('0003_auth'), '\n-- an afterthought\n');
    await expect(applyTemplates(session, 'platform', { root: templates.root })).rejects.toMatchObject({
      code: 'SCHEMA_EDITED',
      exitCode: 5,
      details: { step: '0003_auth' },
    });
  });

  test('refuses a database that a newer release set up, before it touches anything', async () => {
    const templates = await copyOfTemplates('older');
    const session = await newDatabase('newer');
    await applyTemplates(session, 'platform');
    await rm(templates.file('0006_pooler'));
    await expect(applyTemplates(session, 'platform', { root: templates.root })).rejects.toMatchObject({
      code: 'SCHEMA_NEWER',
      exitCode: 5,
      details: { recorded: 6, known: 5 },
    });
  });

  test('keeps nothing of a step that fails, and goes on from there', async () => {
    const templates = await copyOfTemplates('failing');
    await appendFile(templates.file('0004_storage'), '\nselect no_such_function();\n');
    const session = await newDatabase('failing');
    await expect(applyTemplates(session, 'platform', { root: templates.root })).rejects.toMatchObject({
      code: 'SCHEMA_FAILED',
      details: { step: '0004_storage', sqlState: '42883' },
    });
    expect(await session.rows(`select to_regclass('storage.objects') is null as gone`)).toEqual([{ gone: true }]);
    expect(await applyTemplates(session, 'platform')).toEqual({ applied: STEPS.slice(3) });
  });

  test('tells a role without the right from a broken step', async () => {
    const admin = await newDatabase('rights');
    await applyTemplates(admin, 'platform');
    const address = await cluster.createDatabase('rights_anew');
    const session = await connect({ ...address, user: 'postgres' });
    await expect(applyTemplates(session, 'platform')).rejects.toMatchObject({
      code: 'DATABASE_PERMISSION',
      exitCode: 4,
    });
  });

  test('puts variables in as literals and demands those that a file names', async () => {
    const session = await newDatabase('variables');
    const templates = await copyOfTemplates('variables');
    await rm(path.join(templates.root, 'platform'), { recursive: true });
    await cp(assetPath('templates', 'sql', 'platform'), path.join(templates.root, 'other'), { recursive: true });
    for (const step of STEPS.slice(1)) await rm(path.join(templates.root, 'other', `${step}.sql`));
    const only = path.join(templates.root, 'other', '0001_name.sql');
    await rename(path.join(templates.root, 'other', '0001_roles.sql'), only);
    await appendFile(only, '\ncreate table public.said as select {{word}}::text as word;\n');
    await expect(applyTemplates(session, 'other', { root: templates.root })).rejects.toThrow('{{word}}');
    await applyTemplates(session, 'other', { root: templates.root, variables: { word: `it's \\ {{word}}` } });
    expect(await session.rows('select word from public.said')).toEqual([{ word: `it's \\ {{word}}` }]);
  });
});
