import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { installationPaths, INSTALLED } from '../../../../foundation/config/directory.ts';
import { installedCluster } from '../../../../foundation/config/machine-paths.ts';
import { ensureSecretsHome } from '../../../../foundation/crypto/identity-file.ts';
import { findMasterKey } from '../../../../foundation/encryption/master-key.ts';
import { ensureKeys, hasKeys } from '../../keys.ts';
import { ensureMasterKey } from '../../master-key.ts';
import type { Change, InstallSettings, Step } from '../step.ts';

const INSTALLATION = installationPaths(INSTALLED.configuration);

/** Everything random that must not be lost, made once: before the cluster that takes it, and before it is sealed. */
export function keysStep({ postgresMajor }: InstallSettings): Step {
  const cluster = installedCluster(postgresMajor);
  return {
    id: 'machine.keys',
    title: 'keys and passwords, random, for root alone',
    async detect() {
      const missing = [
        ...((await hasKeys(INSTALLATION)) ? [] : [INSTALLATION.keys]),
        ...((await findMasterKey(INSTALLATION.masterKey)) ? [] : [INSTALLATION.masterKey]),
        ...(existsSync(cluster.masterKeyCheck) ? [] : [cluster.masterKeyCheck]),
        ...(existsSync(INSTALLATION.secrets.identity) ? [] : [INSTALLATION.secrets.identity]),
      ];
      return missing.map((target): Change => ({ action: 'create', target }));
    },
    async apply({ context }) {
      const now = context.clock.now();
      await ensureKeys(INSTALLATION, cluster, now);
      await mkdir(cluster.home, { recursive: true }); // holds what tells the right master key from a wrong one
      await ensureMasterKey(INSTALLATION, cluster);
      await ensureSecretsHome({ paths: INSTALLATION.secrets }, { now });
    },
    /** They go, or move, with their directory. */
    undo: async () => undefined,
  };
}
