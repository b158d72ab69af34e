import { mkdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { debianCluster, installedCluster, LOG_DIRECTORY } from '../../../../foundation/config/machine-paths.ts';
import { writeDurably } from '../../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { initCluster } from '../../../../foundation/postgres/embedded/cluster.ts';
import { SUPERUSER } from '../../../../foundation/postgres/installation.ts';
import { clearSite } from '../../cluster.ts';
import { filledTemplate } from '../../conf-text.ts';
import { requireOwner } from '../kinds/owner.ts';
import type { Change, InstallSettings, Machine, Step } from '../step.ts';
import { installedKeys } from './secrets.ts';

/**
 * A cluster of our own in Debian's tools. initdb runs beside its place and is renamed into it, then Debian takes the
 * whole directory over: a kill between leaves nothing half that counts as done.
 */
export function clusterStep({ postgresMajor: major, postgresPort: port }: InstallSettings): Step {
  const { configuration } = debianCluster(major);
  const { data, log } = installedCluster(major);
  return {
    id: 'postgres.cluster',
    title: `Postgres ${major} cluster with checksums`,
    async detect() {
      const changes: Change[] = [];
      if (!(await hasData(major))) changes.push({ action: 'create', target: data, note: 'with data checksums' });
      if (!(await isRegistered(configuration))) changes.push({ action: 'create', target: configuration });
      return changes;
    },
    async apply(machine, record) {
      await record({ kind: 'cluster', target: configuration });
      if (await hasData(major)) await giveBack(machine, data);
      else await makeData(machine, major);
      if (await isRegistered(configuration)) return;
      const aside = await moveAside(machine, configuration);
      await bringFiles(machine, major);
      const naming = [String(major), 'vectabase', '-d', data, '-p', String(port), '-l', log];
      await machine.run(['pg_createcluster', ...naming], { timeout: 600_000 });
      // The owner's own files, and ours, which the next step looks at anyway.
      for (const name of ['conf.d', 'pg_hba.d']) {
        if (aside !== undefined && (await exists(path.join(aside, name))))
          await machine.run(['cp', '--archive', path.join(aside, name), configuration]);
      }
    },
    async undo(machine, records) {
      if (records.length === 0) return;
      await rm(configuration, { recursive: true, force: true });
      // Debian's packages make the directories above again where they need them.
      await rmdir(path.dirname(configuration)).catch(() => undefined);
      await machine.ask(['systemctl', 'daemon-reload']);
    },
  };
}

/** @throws POSTGRES_VERSION when the directory is of another major version */
async function hasData(major: number): Promise<boolean> {
  const { data } = installedCluster(major);
  const made = await readFile(path.join(data, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (made === undefined || made.trim() === String(major)) return made !== undefined;
  throw new VectabaseError('POSTGRES_VERSION', {
    message: `the cluster in ${data} was made by Postgres ${made.trim()}`,
    hint: `Move it to where its version belongs, or set install.postgresMajor to ${made.trim()}.`,
    details: { made: made.trim(), wanted: major },
  });
}

/** Data of an earlier installation, whose user may have had another number. */
async function giveBack(machine: Machine, data: string): Promise<void> {
  const { uid } = await requireOwner(machine, 'postgres:postgres');
  if ((await stat(data)).uid === uid) return;
  // The data last: its owner tells whether this was done.
  for (const directory of [LOG_DIRECTORY, data]) {
    await machine.run(['chown', '--recursive', '--no-dereference', 'postgres:', directory], { timeout: 600_000 });
  }
}

async function makeData(machine: Machine, major: number): Promise<void> {
  const cluster = installedCluster(major);
  await clearSite(cluster);
  await initCluster({
    binaries: { initdb: `${debianCluster(major).binaries}/initdb`, version: String(major) },
    runAs: { name: 'postgres', ...(await requireOwner(machine, 'postgres:postgres')) },
    data: cluster.data,
    superuser: SUPERUSER,
    password: (await installedKeys()).passwords[SUPERUSER],
  });
}

/** Everything that pg_createcluster makes, the include of `conf.d` last: killed before, it has to begin again. */
async function isRegistered(configuration: string): Promise<boolean> {
  const names = ['environment', 'pg_ctl.conf', 'pg_hba.conf', 'pg_ident.conf', 'start.conf', 'conf.d'];
  const there = await Promise.all(names.map(async (name) => exists(path.join(configuration, name))));
  const conf = await readFile(path.join(configuration, 'postgresql.conf'), 'utf8').catch(() => '');
  return there.every(Boolean) && /^include_dir\s*=\s*'conf\.d'/m.test(conf);
}

/**
 * It moves these from where initdb left them. A killed run, or an uninstall that kept the data, has taken them away. The
 * rules of access are ours from the start, so that nobody takes initdb's for the owner's.
 */
async function bringFiles(machine: Machine, major: number): Promise<void> {
  const { data } = installedCluster(major);
  const owner = await requireOwner(machine, 'postgres:postgres');
  const own = await Promise.all(
    ['pg_hba.conf', 'pg_ident.conf'].map(async (name) => [name, await filledTemplate(['pg_hba', name])] as const),
  );
  for (const [name, content] of own) await writeDurably(path.join(data, name), content, { owner });
  const conf = path.join(data, 'postgresql.conf');
  if (await exists(conf)) return;
  await writeDurably(conf, await readFile(`/usr/share/postgresql/${major}/postgresql.conf.sample`), { owner });
}

/** What a killed run left, or somebody damaged: Debian's tool wants to begin anew. Nothing of it is thrown away. */
async function moveAside(machine: Machine, configuration: string): Promise<string | undefined> {
  if (!(await exists(configuration))) return undefined;
  const to = path.join(INSTALLED.kept, `${configuration}.${machine.context.clock.now()}`);
  await mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
  await machine.run(['mv', '--no-target-directory', configuration, to]);
  return to;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
