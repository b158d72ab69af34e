import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DatabaseAddress } from '../../../src/foundation/postgres/address.ts';
import { findPsql, psqlEnvironment, runPsql } from '../../../src/operator/database/psql.ts';

const TARGET: DatabaseAddress = {
  host: 'db.example',
  port: 5433,
  user: 'postgres',
  password: 'p@ss word',
  database: 'shop',
  sslMode: 'verify-full',
  rootCertificate: 'the authority',
};
let place: string;

beforeEach(() => (place = mkdtempSync(path.join(tmpdir(), 'vt-psql-'))));
afterEach(() => {
  rmSync(place, { recursive: true });
  for (const name of ['PGHOSTADDR', 'PGSERVICE', 'VECTABASE_MASTER_KEY']) delete process.env[name];
});

function program(file: string, text = '#!/bin/sh\n'): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

test('the newest major wins, as a number, and a wrapper on the PATH comes last', async () => {
  const root = path.join(place, 'majors');
  const onPath = program(path.join(place, 'bin', 'psql'));
  expect(await findPsql(root, `/nowhere:${path.dirname(onPath)}`)).toBe(onPath);
  program(path.join(root, '9', 'bin', 'psql'));
  const newest = program(path.join(root, '17', 'bin', 'psql'));
  mkdirSync(path.join(root, '18', 'bin'), { recursive: true }); // the server without its client
  expect(await findPsql(root, path.dirname(onPath))).toBe(newest);
  await expect(findPsql('/nowhere', '/nowhere')).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
});

test('nothing of the caller leads elsewhere, and nothing of ours goes along', () => {
  Object.assign(process.env, { PGHOSTADDR: '10.0.0.1', PGSERVICE: 'other', VECTABASE_MASTER_KEY: 'ff' });
  const environment = psqlEnvironment(TARGET, '/ca.crt');
  expect(environment).toMatchObject({
    PGHOST: 'db.example',
    PGPORT: '5433',
    PGUSER: 'postgres',
    PGPASSWORD: 'p@ss word',
    PGDATABASE: 'shop',
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: '/ca.crt',
    PATH: process.env['PATH'],
  });
  expect(Object.keys(environment).filter((name) => /^(PGHOSTADDR|PGSERVICE|VECTABASE_.*)$/.test(name))).toEqual([]);
});

test('the password is in no argument, and the certificate is gone afterwards', async () => {
  const said = path.join(place, 'said');
  const psql = program(
    path.join(place, 'psql'),
    `#!/bin/sh\n{ tr '\\0' '\\n' < /proc/$$/cmdline; cat "$PGSSLROOTCERT"; echo; echo "$PGSSLROOTCERT"; } > ${said}\nexit 3\n`,
  );
  expect(await runPsql(TARGET, ['-c', 'select 1'], psql)).toEqual({ code: 3, signal: null });
  const lines = readFileSync(said, 'utf8').trim().split('\n');
  expect(lines.slice(-4)).toEqual(['-c', 'select 1', 'the authority', expect.stringContaining('vectabase-psql-')]);
  expect(lines.join('\n')).not.toContain('p@ss');
  expect(() => readFileSync(lines.at(-1) ?? '')).toThrow('ENOENT');
});
