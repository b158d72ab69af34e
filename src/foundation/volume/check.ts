import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../config/directory.ts';
import { readSettings } from '../config/settings.ts';
import { VectabaseError } from '../core/errors.ts';
import { runOrFail } from '../process/run-or-fail.ts';
import { readVolumeFacts } from './facts.ts';
import { proveVolume, type Finding, type KeyKind, type Level } from './proof.ts';
import { readVolumeState, type VolumeState } from './state.ts';
import { isUnlocked, requireRoot } from './volume.ts';

/** Whether this machine's data is encrypted on disk, and how it is known. */
export interface VolumeReport {
  readonly level: Level;
  /** The owner chose to go without (`install.volume: plaintext`), so a refusal stops nobody. */
  readonly plaintextAllowed: boolean;
  /** The volume that `install` made; null where it is somebody else's work. */
  readonly volume: { readonly kind: VolumeState['kind']; readonly key: KeyKind; readonly unlocked: boolean } | null;
  readonly findings: readonly Finding[];
}

/** As `checkVolume`, by the settings of this machine. A slip in another line of them must not keep Postgres from starting. */
export async function checkThisMachine(): Promise<VolumeReport> {
  requireRoot();
  return checkVolume(readSettings({ dir: INSTALLED.configuration }).settings.install.volume);
}

/**
 * Looks at everything that the servers of this machine write.
 *
 * @param volume the setting `install.volume`
 * @throws VectabaseError PROGRAM_FAILED when Postgres cannot say where it writes
 */
export async function checkVolume(volume: string): Promise<VolumeReport> {
  const state = await readVolumeState();
  const clusters = await clustersHere();
  const facts = await readVolumeFacts({
    paths: [INSTALLED.data, ...clusters.map(({ log }) => log)],
    clusters: clusters.map(({ data }) => data),
    units: [...clusters.map(({ unit }) => unit), 'pgbouncer.service', 'vectabase.service'],
    key: state?.key,
    recovery: state === undefined ? undefined : state.recovery !== undefined,
  });
  const unlocked = state !== undefined && (await isUnlocked(state));
  return {
    ...proveVolume(facts),
    plaintextAllowed: volume === 'plaintext',
    volume: state === undefined ? null : { kind: state.kind, key: state.key, unlocked },
  };
}

/** What everybody should hear who goes without. Undefined where nothing is refused. */
export function plaintextWarning({ level }: VolumeReport): string | undefined {
  return level === 'refused'
    ? 'Data of this machine is NOT encrypted on disk: install.volume is plaintext.'
    : undefined;
}

/** @throws VectabaseError VOLUME_LOCKED or VOLUME_PLAINTEXT, unless all is proved or plaintext is allowed */
export function requireEncrypted({ level, plaintextAllowed, volume, findings }: VolumeReport): void {
  if (level !== 'refused' || plaintextAllowed) return;
  const refused = findings.filter((each) => each.level === 'refused');
  const [first] = refused;
  const details = { findings: refused.map(({ subject, reason }) => `${subject}: ${reason}`) };
  if (volume?.unlocked === false || refused.some(({ locked }) => locked === true)) {
    throw new VectabaseError('VOLUME_LOCKED', {
      message: `the encrypted volume at ${INSTALLED.data} is locked`,
      hint: 'Run: vectabase volume unlock',
      details,
    });
  }
  throw new VectabaseError('VOLUME_PLAINTEXT', {
    message: `${first?.subject ?? INSTALLED.data} is not proved to be encrypted: ${first?.reason ?? 'no facts'}`,
    hint:
      first?.rule === 'swap'
        ? 'Run swapoff -a and take swap out of /etc/fstab, or encrypt it. vectabase install keeps our units out of swap.'
        : 'Move it onto the volume. To go without encryption, and be told so each time: vectabase install --allow-plaintext',
    details,
  });
}

interface Cluster {
  readonly unit: string;
  readonly data: string;
  /** A directory, or the file that pg_ctlcluster names. */
  readonly log: string;
}

const CONFIGURATIONS = '/etc/postgresql';
const NAME = 'vectabase';

/** Our clusters, asked where they write: what the configuration says now counts, not where `install` put it once. */
async function clustersHere(): Promise<Cluster[]> {
  const majors = await readdir(CONFIGURATIONS).catch((): string[] => []);
  const found = await Promise.all(
    majors.map(async (major): Promise<Cluster[]> => {
      const configuration = path.join(CONFIGURATIONS, major, NAME);
      const files = await readdir(configuration).catch((): string[] => []);
      if (!files.includes('postgresql.conf')) return [];
      const ask = async (setting: string): Promise<string> =>
        (await runOrFail([`/usr/lib/postgresql/${major}/bin/postgres`, '-C', setting, '-D', configuration])).trim();
      const [data, collector, directory] = [
        await ask('data_directory'),
        await ask('logging_collector'),
        await ask('log_directory'),
      ];
      // pg_ctlcluster's own choice, where Postgres does not write the file itself.
      const fallback = files.includes('log')
        ? path.join(configuration, 'log')
        : `/var/log/postgresql/postgresql-${major}-${NAME}.log`;
      const log = collector === 'on' ? path.resolve(data, directory) : fallback;
      return [{ unit: `postgresql@${major}-${NAME}.service`, data, log }];
    }),
  );
  return found.flat();
}
