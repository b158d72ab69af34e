import { expect, test } from 'vitest';
import { parseUnitState } from '../../../src/operator/provision/install/kinds/unit-state.ts';
import { parseOsRelease } from '../../../src/operator/provision/install/facts.ts';
import { parseVolume, volumeText } from '../../../src/operator/provision/install/settings.ts';

test('os-release is read with and without quotes', () => {
  const debian =
    'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nID=debian\n';
  expect(parseOsRelease(debian)).toEqual({ id: 'debian', version: '13', codename: 'trixie' });
  const ubuntu = 'NAME="Ubuntu"\nVERSION_ID=\'24.04\'\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n';
  expect(parseOsRelease(ubuntu)).toEqual({ id: 'ubuntu', version: '24.04', codename: 'noble' });
  expect(parseOsRelease('')).toEqual({ id: '', version: '', codename: '' });
});

test('a unit is running, waiting for a reload, or not there', () => {
  const running = [
    'LoadState=loaded',
    'UnitFileState=enabled',
    'ActiveState=active',
    'NeedDaemonReload=yes',
    'ActiveEnterTimestamp=Mon 2026-11-23 10:00:00.250000 UTC',
    'StateChangeTimestamp=Mon 2026-11-23 10:00:01.000000 UTC',
  ];
  expect(parseUnitState(running.join('\n'))).toEqual({
    exists: true,
    enabled: 'enabled',
    active: true,
    failed: false,
    needsReload: true,
    activeSince: Date.UTC(2026, 10, 23, 10, 0, 0, 250),
    changedAt: Date.UTC(2026, 10, 23, 10, 0, 1),
  });
  expect(parseUnitState('LoadState=not-found\nActiveState=inactive\nActiveEnterTimestamp=\n')).toMatchObject({
    exists: false,
    active: false,
    activeSince: 0,
  });
});

test.each([
  'fscrypt',
  'existing',
  'plaintext',
  'luks:/dev/disk/by-id/scsi-1',
  'luks-file:50G',
  'luks-file:1536M',
  'luks-file:2T',
])('a volume is written back as it was given: %s', (text) => {
  expect(volumeText(parseVolume(text))).toBe(text);
});
