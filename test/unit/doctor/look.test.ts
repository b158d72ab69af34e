import { describe, expect, test } from 'vitest';
import { parseListeners } from '../../../src/operator/doctor/look/network.ts';
import { parseUpgrades } from '../../../src/operator/doctor/look/packages.ts';
import { parseIni } from '../../../src/operator/doctor/look/pooler.ts';
import { parseSize } from '../../../src/operator/doctor/look/system.ts';
import { parseExposures, parseShow } from '../../../src/operator/doctor/look/units.ts';
import { pgbouncerHoles } from '../../../src/foundation/postgres/pgbouncer-holes.ts';
import { standingOf } from '../../../src/operator/backup/standing.ts';

describe('what programs and the kernel say', () => {
  test('sockets that listen, of both families', () => {
    const four = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   110        0 1 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:1538 0100007F:A0F2 01 00000000:00000000 00:00000000 00000000   110        0 3 1\n`;
    expect(parseListeners(four)).toEqual([
      { address: '127.0.0.1', port: 5432 },
      { address: '0.0.0.0', port: 22 },
    ]);
    const six = (address: string): string => `   0: ${address}:D431 00000000000000000000000000000000:0000 0A 0:0\n`;
    expect(parseListeners(six('00000000000000000000000001000000'))).toEqual([{ address: '::1', port: 54_321 }]);
    expect(parseListeners(six('00000000000000000000000000000000'))).toEqual([{ address: '::', port: 54_321 }]);
    expect(parseListeners(six('0000000000000000FFFF00000100007F'))[0]?.address).toBe('::ffff:127.0.0.1');
  });

  test('upgrades that apt would make', () => {
    const text = [
      'Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])',
      'Inst pgbouncer [1.24.1-1] (1.24.1-1+deb13u2 Debian:13.2/stable [amd64])',
      'Inst new-package (1.0 Debian:13.2/stable [amd64])',
      'Conf pgbouncer (1.24.1-1+deb13u2 Debian:13.2/stable [amd64])',
    ].join('\n');
    expect(parseUpgrades(text)).toEqual([
      { name: 'libssl3t64', from: '3.5.1-1', to: '3.5.1-1+deb13u1', security: true },
      { name: 'pgbouncer', from: '1.24.1-1', to: '1.24.1-1+deb13u2', security: false },
    ]);
  });

  test('units', () => {
    const [one, two] = parseShow('Id=a.service\nActiveState=active\n\nId=b.service\nLoadState=not-found\nNote=x=y\n');
    expect(one).toEqual({ Id: 'a.service', ActiveState: 'active' });
    expect(two).toEqual({ Id: 'b.service', LoadState: 'not-found', Note: 'x=y' });
    const text =
      'UNIT                  EXPOSURE PREDICATE HAPPY\nvectabase.service          1.1 OK        😀\ncron.service   9.6 UNSAFE 😨\n';
    expect([...parseExposures(text)]).toEqual([
      ['vectabase.service', 1.1],
      ['cron.service', 9.6],
    ]);
  });

  test('the section of PgBouncer alone', () => {
    const text =
      '[databases]\n* = host=x\npool_mode = session\n\n[pgbouncer]\n; auth_type = trust\npool_mode = transaction\nauth_type=scram-sha-256 \n[users]\npool_mode = statement\n';
    expect(parseIni(text)).toEqual({ pool_mode: 'transaction', auth_type: 'scram-sha-256' });
    expect(parseIni('')).toEqual({});
  });

  test('the size of the journal', () => {
    expect(parseSize('Archived and active journals take up 136.0M in the file system.')).toBe(136 * 1024 ** 2);
    expect(parseSize('No journal files were found.')).toBe(0);
  });
});

describe('holes of PgBouncer', () => {
  test.each([
    ['1.18.0', false, 6],
    ['1.21.0', true, 6],
    ['1.24.1', true, 5],
    ['1.25.1', true, 4],
    ['1.25.2', true, 0],
    ['1.26.0', true, 0],
    ['2.0.0', true, 0],
    ['', false, 6],
  ])('%s', (version, pools, count) => {
    const found = pgbouncerHoles(version);
    expect({ pools: found.pools, count: found.holes.length }).toEqual({ pools, count });
  });

  test('are closed where the package says so', () => {
    const changelog = '  * Fix CVE-2026-6664: An integer overflow\n  * CVE-2025-12819: execute arbitrary SQL\n';
    expect(pgbouncerHoles('1.24.1-1+deb13u2', changelog).holes.map(({ id }) => id)).toEqual([
      'CVE-2026-6665',
      'CVE-2026-6666',
      'CVE-2026-6667',
    ]);
  });
});

test('without a backup there is no second to return to', () => {
  expect(standingOf([], 0)).toMatchObject({ line: expect.stringContaining('no backup') as unknown, newestAge: null });
});
