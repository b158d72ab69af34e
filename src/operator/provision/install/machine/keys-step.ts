import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { installationPaths, INSTALLED } from '../../../../foundation/config/directory.ts';
import { installedCluster } from '../../../../foundation/config/machine-paths.ts';
import { writeDurably } from '../../../../foundation/core/durable-file.ts';
import { ensureSecretsHome } from '../../../../foundation/crypto/identity-file.ts';
import { findMasterKey } from '../../../../foundation/encryption/master-key.ts';
import { ensureKeys, hasKeys } from '../../keys.ts';
import { ensureMasterKey } from '../../master-key.ts';
import type { Change, InstallSettings, Step } from '../step.ts';

const INSTALLATION = installationPaths(INSTALLED.configuration);

/** Beside the settings, where a backup of another machine is unpacked and an earlier release had them. */
const BROUGHT = [
  ['keys.json', INSTALLATION.keys],
  ['master.key', INSTALLATION.masterKey],
  ['secrets/identity', INSTALLATION.secrets.identity],
  ['tls/ca.key', INSTALLATION.tls.caKey],
  ['tls/server.key', INSTALLATION.tls.serverKey],
].map(([name = '', to = '']) => ({ from: path.join(INSTALLED.configuration, name), to }));

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
      const brought = BROUGHT.filter(({ from, to }) => existsSync(from) && !existsSync(to));
      return [
        ...brought.map(({ from }): Change => ({ action: 'change', target: from, note: 'moves onto the volume' })),
        ...missing
          .filter((target) => !brought.some(({ to }) => to === target))
          .map((target): Change => ({ action: 'create', target })),
      ];
    },
    async apply({ context }) {
      const now = context.clock.now();
      for (const { from, to } of BROUGHT) {
        if (!existsSync(from) || existsSync(to)) continue;
        await writeDurably(to, await readFile(from, 'utf8'), { mode: 0o600 });
        await rm(from);
      }
      await ensureKeys(INSTALLATION, cluster, now);
      await mkdir(cluster.home, { recursive: true }); // holds what tells the right master key from a wrong one
      await ensureMasterKey(INSTALLATION, cluster);
      await ensureSecretsHome({ paths: INSTALLATION.secrets }, { now });
    },
    /** They stay, or go, with the volume. */
    undo: async () => undefined,
  };
}
