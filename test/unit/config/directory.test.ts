import { expect, test } from 'vitest';
import { clusterHome, socketDirectories } from '../../../src/foundation/config/directory.ts';

test('whatever the depth of the directory, there is a place where a socket path fits into 107 bytes', () => {
  for (const depth of [1, 5, 20, 80]) {
    const home = clusterHome(`/srv/${'größer/'.repeat(depth)}.vectabase`, 'inside');
    const directories = socketDirectories(home);
    expect(directories.length).toBeGreaterThan(0);
    for (const directory of directories) {
      expect(Buffer.byteLength(`${directory}/.s.PGSQL.65535`)).toBeLessThanOrEqual(107);
    }
  }
  expect(socketDirectories('/srv/shop/.vectabase/postgres')[0]).toBe('/srv/shop/.vectabase/postgres/socket');
});

test('two installations do not share a place for their sockets', () => {
  const deep = (name: string): string | undefined => socketDirectories(`/srv/${'x'.repeat(100)}/${name}`).at(-1);
  expect(deep('one')).not.toBe(deep('two'));
});
