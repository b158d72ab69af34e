import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import {
  describeAddress,
  formatDatabaseUrl,
  isLocal,
  parseDatabaseUrl,
  type DatabaseAddress,
} from '../../../src/foundation/postgres/address.ts';

/** What a password may be made of: anything but NUL, which Postgres cannot take. */
const text = fc
  .string({ minLength: 1, unit: 'binary' })
  .filter((value) => !value.includes('\0') && isWellFormed(value));

const address: fc.Arbitrary<DatabaseAddress> = fc.record({
  host: fc.oneof(fc.domain(), fc.ipV4(), fc.constant('::1'), fc.constant('/run/postgresql')),
  port: fc.integer({ min: 1, max: 65_535 }),
  user: text,
  password: fc.option(text, { nil: undefined }),
  database: text,
  sslMode: fc.constantFrom('disable', 'prefer', 'require', 'verify-ca', 'verify-full'),
  rootCertificate: fc.constant(undefined),
});

describe('a connection string', () => {
  test('survives writing and reading, whatever stands in names and passwords', () => {
    fc.assert(
      fc.property(address, (wanted) => {
        const read = parseDatabaseUrl(formatDatabaseUrl(wanted, { password: true }));
        // Over a socket TLS means nothing and is not written.
        const sslMode = wanted.host.startsWith('/') ? read.sslMode : wanted.sslMode;
        expect(read).toEqual({ ...wanted, sslMode });
      }),
    );
  });

  test('without its password can be shown', () => {
    const secret = 'p@ss/w#rd';
    const url = `postgresql://u:${encodeURIComponent(secret)}@db.example.com/postgres`;
    const read = parseDatabaseUrl(url);
    expect(read.password).toBe(secret);
    expect(formatDatabaseUrl(read, { password: false })).toBe(
      'postgresql://u@db.example.com:5432/postgres?sslmode=require',
    );
    expect(describeAddress(read)).toBe('u@db.example.com:5432/postgres');
  });

  test("reads a hosted project's session pooler", () => {
    expect(
      parseDatabaseUrl(' postgres://postgres.abcdefgh:pw@aws-0-eu-central-1.pooler.supabase.com:5432/postgres\n'),
    ).toMatchObject({ user: 'postgres.abcdefgh', port: 5432, sslMode: 'require' });
  });

  test('is encrypted unless it stays on the machine', () => {
    const mode = (host: string): string => parseDatabaseUrl(`postgres://u@${host}/d`).sslMode;
    expect(['db.example.com', '203.0.113.9', '[2001:db8::1]'].map(mode)).toEqual(['require', 'require', 'require']);
    expect(['localhost', '127.0.0.1', '[::1]'].map(mode)).toEqual(['prefer', 'prefer', 'prefer']);
    expect(isLocal('/run/postgresql')).toBe(true);
  });

  test.each([
    'postgres://u:hunter2@h/d?sslmode=maybe',
    'postgres://u:hunter2@/d',
    'postgres://:hunter2@h/d',
    'postgres://u:hunter2@h:port/d',
    'mysql://u:hunter2@h/d',
    'host=h user=u password=hunter2',
    'postgres://u:hunter2@h/d?sslrootcert=/nowhere/hunter3.pem',
    'postgres://u:%hunter2@h/d',
  ])('%j is refused without repeating the password', (url) => {
    const error = thrownBy(() => parseDatabaseUrl(url));
    expect(error).toBeInstanceOf(VectabaseError);
    expect(error).toMatchObject({ code: 'CONNECTION_STRING_INVALID', exitCode: 2 });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('hunter2');
  });
});

function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function isWellFormed(value: string): boolean {
  return !/[\uD800-\uDFFF]/u.test(value);
}

test('a raw sign in the password is told, and no part of the password', () => {
  const parse = (): unknown => parseDatabaseUrl('postgresql://postgres:qX7@zz#w%25d@db.example.com:5432/postgres');
  expect(parse).toThrow(/holds a raw "#"/);
  expect(parse).not.toThrow(/qX7|zz|w%25d/);
});
