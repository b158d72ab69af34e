import { rm } from 'node:fs/promises';
import type { InstallationPaths } from '../../foundation/config/directory.ts';
import { loadSettings } from '../../foundation/config/settings.ts';
import type { Settings } from '../../foundation/config/definitions.ts';
import type { RuntimeConfig } from '../../foundation/config/runtime-file.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { ensureSecretsHome } from '../../foundation/crypto/identity-file.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { ResourceScope } from '../../foundation/core/release.ts';
import { prepareBinaries, type PostgresBinaries } from '../../foundation/postgres/embedded/binaries.ts';
import { SUPERUSER, type InstallationKeys, type RunFile } from '../../foundation/postgres/installation.ts';
import { lockDirectory } from '../../foundation/process/directory-lock.ts';
import { startTime } from '../../foundation/process/identity.ts';
import { keepLogsSmall } from '../../foundation/process/log-size.ts';
import { archiveConfig } from './archive.ts';
import { ensureCertificates } from './certificates.ts';
import { ensureCluster } from './cluster.ts';
import { startDaemon, type RunningDaemon } from './daemon.ts';
import { ensureSchema } from './database.ts';
import { ensureDirectory, placeCluster, type ClusterPlace } from './directory.ts';
import { ensureKeys, writeDaemonKeys } from './keys.ts';
import { ensureMasterKey } from './master-key.ts';
import { ensureMailDirectory, withSecretsRead } from './mail.ts';
import type { UpObservation } from './observations.ts';
import { stopOrphans } from './orphans.ts';
import { choosePort } from './ports.ts';
import { startPostgres, type RunningServer } from './server.ts';
import { stepRunner } from './step.ts';

export interface StartInput {
  readonly dir: string;
  /** Stronger than `vectabase.yml` and the environment; 0 takes a free port. */
  readonly apiPort?: number | undefined;
  readonly pgPort?: number | undefined;
}

/** An installation that runs, until `stop` or until one of its servers ends. */
export interface StartedInstallation {
  readonly paths: InstallationPaths;
  readonly keys: InstallationKeys;
  readonly apiUrl: string;
  /** Where letters can be read; null with a mail server. */
  readonly inboxUrl: string | null;
  readonly archivesWal: boolean;
  readonly databaseUrl: string;
  readonly postgresVersion: string;
  /** Rejects when a server ends unasked; never resolves. */
  readonly failed: Promise<never>;
  /** Daemon, then Postgres, then the lock. */
  stop(): Promise<void>;
}

/**
 * Makes what is missing in `dir`, then starts Postgres and the daemon. What was started is stopped again when a later
 * step fails. Killed at any instant, the next start goes on from what is there: every file appears whole, and the
 * cluster's directory appears only when initdb is done.
 *
 * @throws VectabaseError LOCK_HELD, MASTER_KEY_MISSING, MASTER_KEY_WRONG, PORT_IN_USE, POSTGRES_START_FAILED, …
 */
export async function startInstallation(
  input: StartInput,
  ctx: JobContext<UpObservation>,
): Promise<StartedInstallation> {
  const scope = new ResourceScope();
  try {
    return await start(input, ctx, scope);
  } catch (error) {
    await scope.release().catch(() => undefined);
    throw ctx.signal.aborted ? ctx.signal.reason : error;
  }
}

async function start(
  input: StartInput,
  ctx: JobContext<UpObservation>,
  scope: ResourceScope,
): Promise<StartedInstallation> {
  const step = stepRunner(ctx);
  const { settings } = loadSettings({
    dir: input.dir,
    flags: { 'api.port': input.apiPort, 'postgres.port': input.pgPort },
  });
  const { paths, place } = await step('directory', async () => {
    const { value: installation, changed } = await ensureDirectory(input.dir);
    scope.add(await lockDirectory(installation.lock, ctx.clock.now()), (lock) => lock.release());
    const found = await placeCluster(installation);
    if (found.outside) tellOutside(found, ctx);
    await stopOrphans(installation, found.paths, ctx);
    await Promise.all([choosePort('--port', settings.api.port), choosePort('--pg-port', settings.postgres.port)]);
    return { value: { paths: installation, place: found }, changed };
  });
  const { key: masterKey } = await step('master-key', () => ensureMasterKey(paths, place.paths));
  const keys = await step('keys', async () => {
    const ensured = await ensureKeys(paths, place.paths, ctx.clock.now());
    const search = { paths: paths.secrets, identityFile: settings.secrets.identityFile };
    const made = await ensureSecretsHome(search, { now: ctx.clock.now(), auditOwner: place.runAs });
    return { ...ensured, changed: ensured.changed || made };
  });
  const certificate = await step('certificates', () => ensureCertificates(paths, keys.ref, ctx.clock.now()));
  const binaries = await step('binaries', async () => ({
    value: await prepareBinaries({ runAs: place.runAs }),
    changed: false,
  }));
  await step('cluster', () => ensureCluster({ installation: paths, place, binaries, keys, certificate }));
  const postgres = await step('postgres', async () => {
    const running = await startPostgres(
      place,
      binaries,
      { port: settings.postgres.port, archive: settings.backup.archive },
      ctx.signal,
    );
    scope.add(running, ({ server }) => told(ctx, 'postgres', () => server.stop()));
    return { value: running, changed: true };
  });
  const admin = { host: postgres.socketDirectory, port: postgres.port, database: 'postgres' } as const;
  await step('schema', () => ensureSchema(adminAddress(admin, keys), keys));
  const daemon = await step('daemon', async () => {
    await writeDaemonKeys(paths, place.paths, place.runAs);
    const mail = await ensureMailDirectory(paths, place);
    const { socketDirectory } = postgres;
    const archive = settings.backup.archive && (await archiveConfig(settings, { paths, place, socketDirectory }));
    const config = {
      ...daemonConfig(settings, { paths, place, keys, admin }),
      ...(await withSecretsRead(settings)),
      ...mail,
      ...(archive && { archive }),
    };
    const running = await startDaemon(paths, config, masterKey, ctx.signal);
    scope.add(running, () => told(ctx, 'daemon', () => running.stop()));
    return { value: { ...running, inboxKey: mail.mailInboxKey }, changed: true };
  });
  scope.add(keepLogsSmall([place.paths.log, paths.daemonLog]), (keeper) => keeper.stop());
  scope.add(paths.run, (file) => rm(file, { force: true }));
  await writeDurably(paths.run, `${JSON.stringify(runFile({ postgres, daemon, binaries, now: ctx.clock.now() }))}\n`);

  return {
    paths,
    keys,
    apiUrl: daemon.apiUrl,
    inboxUrl: inboxUrl(settings, daemon),
    archivesWal: settings.backup.archive,
    databaseUrl: ownerUrl(paths, keys, postgres.port),
    postgresVersion: binaries.version,
    failed: firstFailure(postgres, daemon, place, paths),
    stop: () => scope.release(),
  };
}

/** On this machine, whatever the public address is. */
function inboxUrl(
  { api, mail }: Settings,
  { apiUrl, inboxKey }: { readonly apiUrl: string; readonly inboxKey: string },
): string | null {
  if (mail.smtpHost !== undefined) return null;
  return `${api.publicUrl === undefined ? apiUrl : `http://127.0.0.1:${api.port}`}/inbox/${inboxKey}`;
}

function tellOutside({ paths, runAs }: ClusterPlace, ctx: JobContext<UpObservation>): void {
  ctx.observe({
    event: 'up.cluster.noted',
    id: paths.home,
    reason: 'directory closed to the system user',
    user: runAs?.name ?? '',
  });
}

async function told(
  ctx: JobContext<UpObservation>,
  id: 'daemon' | 'postgres',
  stop: () => Promise<void>,
): Promise<void> {
  const began = ctx.clock.now();
  ctx.observe({ event: 'up.stop.started', id });
  await stop();
  ctx.observe({ event: 'up.stop.finished', id, ms: ctx.clock.now() - began });
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

function adminAddress(admin: Place, keys: InstallationKeys): Parameters<typeof ensureSchema>[0] {
  const password = keys.passwords.supabase_admin;
  return { ...admin, user: SUPERUSER, password, sslMode: 'disable', rootCertificate: undefined };
}

function daemonConfig(
  { api, log, rest, jwt, limits, auth, secrets }: Settings,
  made: { paths: InstallationPaths; place: ClusterPlace; keys: InstallationKeys; admin: Place },
): RuntimeConfig {
  const { runAs } = made.place;
  return {
    api,
    database: { ...made.admin, user: 'authenticator', password: made.keys.passwords.authenticator },
    log,
    rest,
    jwt,
    limits,
    auth,
    authLogin: { user: 'supabase_auth_admin', password: made.keys.passwords.supabase_auth_admin },
    keysFile: made.place.paths.daemonKeys,
    secrets: {
      directory: made.paths.secrets.directory,
      environment: secrets.environment,
      ...(secrets.identityFile !== undefined && { identityFile: secrets.identityFile }),
    },
    ...(runAs && { runAs: { uid: runAs.uid, gid: runAs.gid } }),
  };
}

function runFile(from: {
  postgres: RunningServer;
  daemon: RunningDaemon;
  binaries: PostgresBinaries;
  now: number;
}): RunFile {
  const { postgres, daemon } = from;
  return {
    version: 1,
    pid: process.pid,
    startTime: startTime(process.pid) ?? null,
    postgresPid: postgres.server.pid,
    daemonPid: daemon.child.pid,
    daemonStartTime: startTime(daemon.child.pid) ?? null,
    socketDirectory: postgres.socketDirectory,
    pgPort: postgres.port,
    apiUrl: daemon.apiUrl,
    postgresVersion: from.binaries.version,
    since: new Date(from.now).toISOString(),
  };
}

/** With the authority's file in it, libpq and node-postgres alike verify the server without further settings. */
function ownerUrl(paths: InstallationPaths, keys: InstallationKeys, port: number): string {
  const query = new URLSearchParams({ sslmode: 'verify-full', sslrootcert: paths.tls.caCertificate });
  const readable = query.toString().replaceAll('%2F', '/').replaceAll('+', '%20');
  return `postgresql://postgres:${keys.passwords.postgres}@127.0.0.1:${port}/postgres?${readable}`;
}

function firstFailure(
  { server }: RunningServer,
  { child }: RunningDaemon,
  place: ClusterPlace,
  paths: InstallationPaths,
): Promise<never> {
  const died = (what: string, log: string, pid: number): never => {
    throw new VectabaseError('SERVER_DIED', {
      message: `${what} (process ${pid}) ended by itself; everything else was stopped`,
      hint: `Run the command again: nothing that was committed is lost. Why it ended is in ${log}.`,
      details: { server: what, pid, logFile: log },
    });
  };
  const failed = Promise.race([
    server.exited.then(() => died('Postgres', place.paths.log, server.pid)),
    child.exited.then(() => died('the API daemon', paths.daemonLog, child.pid)),
  ]);
  failed.catch(() => undefined);
  return failed;
}
