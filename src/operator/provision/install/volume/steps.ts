import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { assetPath } from '../../../../foundation/core/assets.ts';
import { readVolumeState } from '../../../../foundation/volume/state.ts';
import { fileStep, type ManagedFile } from '../kinds/file.ts';
import { packagesStep } from '../kinds/packages.ts';
import { unitStep } from '../kinds/unit.ts';
import type { InstallSettings, Step } from '../step.ts';
import { recoveryStep } from './recovery-step.ts';
import { volumeStep } from './volume-step.ts';

const UNIT = 'vectabase-volume.service';

/** The encrypted volume, the unit that opens it at boot, and the proof before every start of Postgres. */
export function volumeSteps(settings: InstallSettings): readonly Step[] {
  const packages = [...PACKAGES[settings.volume.kind], ...chipPackages(settings)];
  return [
    ...(packages.length === 0 ? [] : [packagesStep({ id: 'volume.packages', title: 'tools of the volume', packages })]),
    ...(settings.volume.kind === 'fscrypt' ? [fscryptSettings()] : []),
    volumeStep(settings),
    fileStep({
      id: 'volume.files',
      title: 'the unit of the volume, and what Postgres has to do with it',
      files: async () => [await unitFile(), ...(await atTheConsole(settings)), ...keepers(settings.postgresMajor)],
      onChange: [['systemctl', 'daemon-reload']],
    }),
    unitStep({ id: 'volume.unit', title: 'the volume, opened at boot', unit: UNIT }),
    recoveryStep(settings),
  ];
}

const PACKAGES: Readonly<Record<InstallSettings['volume']['kind'], readonly string[]>> = {
  fscrypt: ['fscrypt', 'e2fsprogs'],
  luks: ['cryptsetup-bin', 'dmsetup', 'e2fsprogs'],
  'luks-file': ['cryptsetup-bin', 'dmsetup', 'e2fsprogs'],
  existing: [],
  plaintext: [],
};

/** systemd loads the libraries of the security chip when it needs them; no package of it asks for them. */
function chipPackages({ volume, volumeKey }: InstallSettings): string[] {
  const own = volume.kind !== 'existing' && volume.kind !== 'plaintext';
  const wanted = volumeKey === 'tpm2' || (volumeKey === 'auto' && existsSync('/dev/tpmrm0'));
  return own && wanted ? ['tpm2-tools'] : [];
}

/**
 * What `fscrypt setup` would write, but without its 10 seconds of measuring how slow a passphrase should be: Argon2id
 * with 128 MB and 10 passes, about half a second. The keys that we make ourselves are random and need none of it.
 */
function fscryptSettings(): Step {
  const content = {
    source: 'custom_passphrase',
    hash_costs: { time: '10', memory: '131072', parallelism: '2', truncation_fixed: true },
    options: { padding: '32', contents: 'AES_256_XTS', filenames: 'AES_256_CTS', policy_version: '2' },
    use_fs_keyring_for_v1_policies: false,
    allow_cross_user_metadata: false,
  };
  const files = [{ path: '/etc/fscrypt.conf', content: `${JSON.stringify(content, null, '\t')}\n` }];
  return fileStep({ id: 'volume.fscrypt', title: 'settings of fscrypt', files });
}

async function unitFile(): Promise<ManagedFile> {
  return { path: `/etc/systemd/system/${UNIT}`, content: await readFile(assetPath('systemd', UNIT), 'utf8') };
}

/**
 * A passphrase is asked for on the console, before somebody can log in there: a login prompt would hold the terminal. And
 * the messages that systemd sends to who is logged in would end the question on the console.
 */
async function atTheConsole({ volumeKey }: InstallSettings): Promise<ManagedFile[]> {
  if (((await readVolumeState())?.key ?? volumeKey) !== 'passphrase') return [];
  return [
    [UNIT, 'Wants=getty-pre.target\nBefore=getty-pre.target'],
    ['systemd-ask-password-wall.service', `After=${UNIT}`],
  ].map(([unit, lines]) => ({
    path: `/etc/systemd/system/${unit}.d/50-vectabase-passphrase.conf`,
    content: `[Unit]\n${lines}\n`,
  }));
}

/** Row data is in the memory of these: kept out of swap. And Postgres is not started before a fresh proof. */
function keepers(major: number): ManagedFile[] {
  const units = [`postgresql@${major}-vectabase`, 'pgbouncer', 'vectabase'];
  return units.map((unit) => ({
    path: `/etc/systemd/system/${unit}.service.d/60-vectabase-volume.conf`,
    content: [
      '[Unit]',
      `Requires=${UNIT}`,
      `After=${UNIT}`,
      '',
      '[Service]',
      'MemorySwapMax=0',
      'LimitCORE=0',
      ...(unit.startsWith('postgresql@') ? [`ExecStartPre=+${INSTALLED.command} volume status --json --no-input`] : []),
      '',
    ].join('\n'),
  }));
}
