import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import type { ClusterPaths } from '../../foundation/config/directory.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import type { CertifiedKey } from '../../foundation/crypto/certificates.ts';
import { SUPERUSER } from '../../foundation/postgres/installation.ts';
import type { RunAs } from '../../foundation/process/run.ts';
import { tunedSettings } from './tuning.ts';

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
  const owner = { owner: runAs };
  await writeDurably(path.join(cluster.data, 'postgresql.conf'), configuration({ ...fixed(cluster), ...tuned }), owner);
  await writeDurably(path.join(cluster.data, 'pg_hba.conf'), HBA, owner);
  await writeDurably(cluster.serverCertificate, certificate.certificate, owner);
  await writeDurably(cluster.serverKey, certificate.privateKey, owner);
}

/** `constrainedMemory` is the limit of the control group; "no limit" reads as 0 or as an absurd number. */
function memory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

function fixed(cluster: ClusterPaths): Record<string, string> {
  return {
    ssl: 'on',
    ssl_cert_file: cluster.serverCertificate,
    ssl_key_file: cluster.serverKey,
    ssl_min_protocol_version: 'TLSv1.2',
    password_encryption: 'scram-sha-256',
    shared_preload_libraries: 'pg_stat_statements',
    // Change streams and moving away again both need it; the price is a few bytes a row.
    wal_level: 'logical',
    max_wal_senders: '10',
    max_replication_slots: '10',
    checkpoint_timeout: '15min',
    autovacuum_vacuum_scale_factor: '0.05',
    autovacuum_vacuum_cost_limit: '500',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d %a ',
    // Requirement 8.5. Values of parameters are people's data and stay out of the log.
    log_min_duration_statement: '100ms',
    log_parameter_max_length: '0',
    log_parameter_max_length_on_error: '0',
    log_lock_waits: 'on',
  };
}

function configuration(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return [
    '# Written by `vectabase up` at each start; a change made here is lost.',
    '# For settings of your own: ALTER SYSTEM SET … It is kept in postgresql.auto.conf, which wins over this file.',
    ...lines,
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
