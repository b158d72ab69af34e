import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import type { ClusterPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import type { CertifiedKey } from '../../foundation/crypto/certificates.ts';
import { SUPERUSER } from '../../foundation/postgres/installation.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { filledTemplate, postgresLines } from './conf-text.ts';
import { settingsSince, tunedSettings } from './tuning.ts';

/** Writes what the server reads at its start: postgresql.conf, pg_hba.conf, certificate and key. */
export async function writeClusterFiles(
  cluster: ClusterPaths,
  certificate: CertifiedKey,
  runAs: RunAs | undefined,
): Promise<void> {
  const { blocks, bsize } = await statfs(cluster.home);
  const tuned = tunedSettings({
    memoryBytes: memory(),
    diskBytes: blocks * bsize,
    cores: availableParallelism(),
    platform: process.platform,
  });
  const major = Number(await readFile(path.join(cluster.data, 'PG_VERSION'), 'utf8'));
  const settings = { ...tuned, ...settingsSince(major) };
  const owner = { owner: runAs };
  await writeDurably(path.join(cluster.data, 'postgresql.conf'), await configuration(cluster, settings), owner);
  await writeDurably(path.join(cluster.data, 'pg_hba.conf'), HBA, owner);
  await writeDurably(cluster.serverCertificate, certificate.certificate, owner);
  await writeDurably(cluster.serverKey, certificate.privateKey, owner);
}

/** `constrainedMemory` is the limit of the control group; "no limit" reads as 0 or as an absurd number. */
function memory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

async function configuration(cluster: ClusterPaths, settings: Readonly<Record<string, string>>): Promise<string> {
  return [
    '# Written by `vectabase up` at each start; a change made here is lost.',
    '# For settings of your own: ALTER SYSTEM SET … It is kept in postgresql.auto.conf, which wins over this file.',
    '',
    await filledTemplate(['postgresql', 'policy.conf']),
    ...postgresLines({ ssl_cert_file: cluster.serverCertificate, ssl_key_file: cluster.serverKey, ...settings }),
    '',
  ].join('\n');
}

/** Passwords always; TCP with TLS only, and never for the superuser. */
const HBA = `# Written by \`vectabase up\` at each start; a change made here is lost.
local   all          all                       scram-sha-256
local   replication  all                       scram-sha-256
host    all          ${SUPERUSER}  all               reject
host    replication  ${SUPERUSER}  all               reject
hostssl all          all           127.0.0.1/32      scram-sha-256
hostssl replication  all           127.0.0.1/32      scram-sha-256
`;
