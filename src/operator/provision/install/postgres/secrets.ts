import { INSTALLED, installationPaths } from '../../../../foundation/config/directory.ts';
import { readJson, type InstallationKeys } from '../../../../foundation/postgres/installation.ts';
import { ensureCertificates, readCertificates } from '../../certificates.ts';
import { undoRecords } from '../kinds/undo-records.ts';
import type { InstallSettings, Step } from '../step.ts';

export const INSTALLATION = installationPaths(INSTALLED.configuration);

/** @throws Error before the step `machine.keys` was applied */
export async function installedKeys(): Promise<InstallationKeys> {
  const keys = await readJson<InstallationKeys>(INSTALLATION.keys);
  if (keys === undefined) throw new Error(`${INSTALLATION.keys} is not there yet`);
  return keys;
}

/** An own authority, and a certificate from it that a later run renews in time. */
export function certificatesStep({ listen }: InstallSettings): Step {
  return {
    id: 'postgres.authority',
    title: 'own certificate authority, and a server certificate of it',
    async detect({ context }) {
      const found = await readCertificates(INSTALLATION, context.clock.now(), listen);
      if (found?.good === true) return [];
      if (found === undefined) return [{ action: 'create', target: INSTALLATION.tls.caCertificate }];
      return [{ action: 'change', target: INSTALLATION.tls.serverCertificate, note: 'ends soon, or lacks an address' }];
    },
    async apply({ context }) {
      const { ref } = await installedKeys();
      await ensureCertificates(INSTALLATION, ref, context.clock.now(), listen);
    },
    undo: undoRecords,
  };
}
