import { debianCluster } from '../../foundation/config/machine-paths.ts';
import { checkVolume } from '../../foundation/volume/check.ts';
import type { Looks } from './examine.ts';
import type { BackupFacts, CertificateFacts, DriftFacts, VolumeFindings } from './facts.ts';
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
export interface Given {
  readonly backups: (signal: AbortSignal) => Promise<BackupFacts & { readonly recoveryKey: boolean }>;
  /** Everything on the machine that `install` would change. */
  readonly drift?: (signal: AbortSignal) => Promise<readonly DriftFacts[]>;
}

/** What can be asked in less than a second: for `status`. */
export function quickLooks(place: Place, given: Given): Looks {
  return {
    disks: async () => lookAtDisks(diskPaths(place)),
    database: async () => lookAtDatabase(place.admin),
    certificates: async () => [...(await lookAtCertificates(place)), ...(await edgeOf(place))],
    backups: given.backups,
    api: async (signal) => lookAtApi(place, signal),
    ...(place.kind === 'machine' && {
      pgbouncer: async () => lookAtPooler(place.settings.install.poolerPort),
      units: async () => lookAtUnits(unitsOf(place), false),
      volume: async () => lookAtVolume(place),
    }),
  };
}

/** Everything, some of which takes seconds: for `doctor`. */
export function deepLooks(place: Place, given: Given): Looks {
  return {
    ...quickLooks(place, given),
    packages: async () => lookAtPackages(place.kind),
    files: async () => lookAtFiles(place),
    keys: async (signal) => lookAtKeys(place, (await given.backups(signal)).recoveryKey),
    mail: async () => lookAtMail(place),
    // Both are read from /proc.
    ...(process.platform === 'linux' && { system: lookAtSystem, network: async () => lookAtNetwork(place) }),
    ...(place.kind === 'machine' && { units: async () => lookAtUnits(unitsOf(place), true) }),
    ...(given.drift !== undefined && { drift: given.drift }),
  };
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
    ...(settings.install.edge === 'none' ? [] : [{ name: 'vectabase-edge.service', exposureLimit: 1.5 }]),
  ];
}

function diskPaths({ paths, cluster }: Place): string[] {
  return [cluster.data, paths.directory, '/', '/var/log', '/tmp'];
}
