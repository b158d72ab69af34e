import { debianCluster } from '../../foundation/config/machine-paths.ts';
import { checkVolume } from '../../foundation/volume/check.ts';
import type { Looks } from './examine.ts';
import type { AlertFacts, BackupFacts, CertificateFacts, DriftFacts, VolumeFindings } from './facts.ts';
import { lookAtDatabase } from './look/database.ts';
import { lookAtEdge } from './look/edge.ts';
import { lookAtCertificates, lookAtFiles, lookAtKeys } from './look/guards.ts';
import { lookAtApi, lookAtMail, lookAtNetwork } from './look/network.ts';
import { lookAtPackages } from './look/packages.ts';
import { lookAtPooler } from './look/pooler.ts';
import { lookAtDisks, lookAtSystem } from './look/system.ts';
import { lookAtUnits, type WantedUnit } from './look/units.ts';
import type { Place } from './place.ts';

/** What other rooms know, and hand over. */
export interface Given<S extends BackupFacts = BackupFacts> {
  readonly backups: (signal: AbortSignal) => Promise<S>;
  /** Of an installed machine: what its daemon alerts on. */
  readonly alerts?: (standing: S) => Promise<AlertFacts>;
  /** Everything on the machine that `install` would change. */
  readonly drift?: (signal: AbortSignal) => Promise<readonly DriftFacts[]>;
}

/** What can be asked in less than a second: for `status`. */
export function quickLooks<S extends BackupFacts>(place: Place, given: Given<S>): Looks {
  const { alerts } = given;
  const backups = once(given.backups);
  return {
    settings: async () => ({ mistakes: place.mistakes.map(({ message }) => message) }),
    disks: async () => lookAtDisks(diskPaths(place)),
    database: async () => lookAtDatabase(place.admin),
    certificates: async () => [...(await lookAtCertificates(place)), ...(await edgeOf(place))],
    backups,
    api: async (signal) => lookAtApi(place, signal),
    ...(place.kind === 'machine' && {
      ...(alerts !== undefined && { alerts: async (signal) => alerts(await backups(signal)) }),
      pgbouncer: async () => lookAtPooler(place.settings.install.poolerPort),
      units: async () => lookAtUnits(unitsOf(place), false),
      volume: async () => lookAtVolume(place),
    }),
  };
}

/** Everything, some of which takes seconds: for `doctor`. */
export function deepLooks<S extends BackupFacts>(place: Place, given: Given<S>): Looks {
  const backups = once(given.backups);
  return {
    ...quickLooks(place, { ...given, backups }),
    packages: async () => lookAtPackages(place.kind),
    files: async () => lookAtFiles(place),
    keys: async (signal) => lookAtKeys(place, (await backups(signal)).recoveryKey),
    mail: async () => lookAtMail(place),
    // Both are read from /proc.
    ...(process.platform === 'linux' && { system: lookAtSystem, network: async () => lookAtNetwork(place) }),
    ...(place.kind === 'machine' && { units: async () => lookAtUnits(unitsOf(place), true) }),
    ...(given.drift !== undefined && { drift: given.drift }),
  };
}

/** The books are read once, whoever asks. */
function once<T>(look: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let found: Promise<T> | undefined;
  return async (signal) => (found ??= look(signal));
}

async function edgeOf({ kind, settings: { api, install } }: Place): Promise<CertificateFacts[]> {
  const served = kind === 'machine' && install.edge !== 'none' && api.publicUrl !== undefined;
  return served ? [await lookAtEdge(api.publicUrl)] : [];
}

async function lookAtVolume({ settings }: Place): Promise<VolumeFindings> {
  const { plaintextAllowed, findings } = await checkVolume(settings.install.volume);
  return { allowPlaintext: plaintextAllowed, findings };
}

/** With the exposure that each was measured at, and may not pass. */
function unitsOf({ major, settings }: Place): WantedUnit[] {
  return [
    { name: 'vectabase.service', exposureLimit: 1.5 },
    { name: debianCluster(major).unit, exposureLimit: 3 },
    { name: 'pgbouncer.service', exposureLimit: 1.5 },
    { name: 'vectabase-volume.service' },
    { name: 'vectabase-api.socket' },
    { name: 'vectabase-archive.socket' },
    { name: 'vectabase-config-backup.timer' },
    ...(settings.install.edge === 'none' ? [] : [{ name: 'vectabase-edge.service', exposureLimit: 1.5 }]),
  ];
}

function diskPaths({ paths, cluster }: Place): string[] {
  return [cluster.data, paths.directory, '/', '/var/log', '/tmp'];
}
