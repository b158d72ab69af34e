import { Args } from '@oclif/core';
import { BackupCommand } from '../../cli/backup-command.ts';
import { confirmByName } from '../../cli/prompts.ts';
import { shownCopy, shownPlan } from '../../cli/render/copy-lines.ts';
import { formatAgo, formatBytes, formatCount, formatDuration } from '../../cli/render/units.ts';
import { restoreFlags } from '../../cli/restore-flags.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { shellWord } from '../../foundation/core/shell-words.ts';
import type { BackupObservation } from '../../operator/backup/observations.ts';
import type { DumpRestored } from '../../operator/backup/dump/restore.ts';
import type { RestoreReport } from '../../operator/backup/restore.ts';
import type { RestorePlan } from '../../operator/backup/restore/plan.ts';
import type { ComparedReport, ReadyRestore } from '../../operator/backup/restore/run.ts';
import type { Site } from '../../operator/backup/restore/site.ts';
import type { SwapReport } from '../../operator/backup/restore/swap.ts';
import type { TableReport } from '../../operator/backup/restore/table.ts';
import type { RestoreTarget } from '../../operator/backup/restore/target.ts';

type Result =
  | RestoreReport
  | RestorePlan
  | SwapReport
  | TableReport
  | DumpRestored
  | (ComparedReport & ({ readonly into: string } | SwapReport))
  | { readonly inspected: true };

type RestoreFlags = Awaited<ReturnType<BackupRestore['parseFlags']>>['flags'];

export default class BackupRestore extends BackupCommand<Result> {
  static override summary = 'return to any second: of everything, of one table, or beside what is here';
  static override description = `Builds a copy of the cluster beside the running one, replays WAL on it up to the second asked for, proves where it came to rest, reads every row and walks every index. Until then nothing is touched; only then you are asked, and the copy takes the place of the data directory. What was there is kept: --undo brings it back.
With --into it needs no installation: the store, the recovery key and Postgres' own programs are enough.
A running installation is stopped for the moment of the replacement alone.`;
  static override examples = [
    "<%= config.bin %> backup restore --pitr '2026-11-22 14:03:00+00' --key recovery.key --dry-run",
    "<%= config.bin %> backup restore --pitr '2026-11-22 14:03:00+00' --key recovery.key",
    "<%= config.bin %> backup restore --pitr '2026-11-22 14:03:00+00' --key recovery.key --table public.sales",
    '<%= config.bin %> backup restore --latest --key recovery.key --into /var/lib/postgresql/17/restored',
    '<%= config.bin %> backup restore --undo',
  ];
  static override args = {
    backup: Args.string({ ignoreStdin: true, description: 'the one to begin from (default: the best one)' }),
  };
  static override flags = restoreFlags;

  async run(): Promise<Result> {
    const { flags, args } = await this.parseFlags();
    if (flags.undo || flags.resume) return this.#swap(flags);
    if (flags.dump !== undefined) return this.#dump(flags, flags.dump);
    const { parseTarget } = await import('../../operator/backup/restore/target.ts');
    const target = parseTarget(flags);
    if (target === undefined) return this.#unpack(flags, args.backup);
    this.#echo(target);
    const { site, ready } = await this.#ready(flags, args.backup, target);
    if (flags['dry-run']) return this.#plan(ready.plan);
    if (flags.table !== undefined) return this.#table(flags, flags.table, ready);
    if (flags.inspect) return this.#inspect(ready);
    if (flags.into !== undefined) return this.#into(ready, flags.into);
    if (site === undefined) throw noSite();
    return this.#inPlace(flags, ready, site);
  }

  async parseFlags() {
    return this.parse(BackupRestore);
  }

  /** What the owner means, in the two zones that he may have meant it in. */
  #echo(target: RestoreTarget): void {
    if (target.kind !== 'time') return;
    const ms = Math.floor(target.micros / 1000);
    const local = new Date(ms).toLocaleString('sv-SE', { timeZoneName: 'short' });
    const utc = new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
    this.say(`Back to ${utc} UTC, which is ${local} here: ${formatAgo(Date.now() - ms)}.`);
  }

  async #ready(flags: RestoreFlags, label: string | undefined, target: RestoreTarget) {
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { readyRestore } = await import('../../operator/backup/restore/run.ts');
    const { findSite } = await import('../../operator/backup/restore/site.ts');
    const key = keyOf(flags);
    const site = await findSite(flags.dir, Date.now);
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const here = (await site?.isRunning()) === true ? await readRunningInstallation(flags.dir) : undefined;
    const request = {
      running: here?.adminAddress,
      repository: await openRepository(await this.place({ ...flags, key })),
      identities: await readRecoveryKey(key),
      target,
      timeline: flags.timeline,
      label,
      unsigned: flags.unsigned,
      site,
      into: flags.into,
      scratch: flags.scratch,
    };
    return { site, ready: await readyRestore(request, this.context<BackupObservation>()) };
  }

  #plan(plan: RestorePlan): RestorePlan {
    this.closeRenderer();
    this.print(shownPlan(plan));
    return plan;
  }

  async #into(ready: ReadyRestore, into: string) {
    const { restoreInto } = await import('../../operator/backup/restore/run.ts');
    const report = await restoreInto(ready, into, this.context<BackupObservation>());
    this.closeRenderer();
    const start = `pg_ctl -D ${shellWord(into)} start`;
    this.print(`${shownCopy(report)}It is in ${into}, and nothing else was changed.
  Next: start Postgres ${ready.plan.postgres.split('.')[0] ?? ''} on it, as the user whose files they are: ${start}\n`);
    return report;
  }

  async #inPlace(flags: RestoreFlags, ready: ReadyRestore, site: Site) {
    const { restoreInPlace } = await import('../../operator/backup/restore/run.ts');
    const confirm = async (report: ComparedReport): Promise<void> => {
      this.closeRenderer();
      this.print(shownCopy(report));
      await this.#confirm(flags, site, `Everything after ${report.lastCommit ?? report.lsn} leaves ${site.name}`);
    };
    const report = await restoreInPlace(ready, site, confirm, this.context<BackupObservation>());
    this.closeRenderer();
    this.print(this.#shownSwap(flags, report));
    return report;
  }

  async #swap(flags: RestoreFlags): Promise<SwapReport> {
    const { findSite } = await import('../../operator/backup/restore/site.ts');
    const { resumeSwap, undoSwap } = await import('../../operator/backup/restore/undo.ts');
    const site = await findSite(flags.dir, Date.now);
    if (site === undefined) throw noSite();
    const confirm = async (what: string): Promise<void> => this.#confirm(flags, site, what);
    const report = flags.resume ? await resumeSwap(site) : await undoSwap(site, confirm, Date.now());
    this.print(this.#shownSwap(flags, report));
    return report;
  }

  async #confirm(flags: RestoreFlags, { name }: Pick<Site, 'name'>, what: string): Promise<void> {
    const ask = this.mayAsk(flags);
    const command = `vectabase backup restore${flags.undo ? ' --undo' : ' …'}${this.where(flags)}`;
    await confirmByName({ name, given: flags.confirm, what, ask, command });
  }

  #shownSwap(flags: RestoreFlags, { kept, started }: SwapReport): string {
    const where = this.where(flags);
    return [
      flags.undo
        ? 'What was there before the restore is back. What the restore had made is kept in'
        : 'The data directory was replaced. What was there is kept in',
      `  ${kept}`,
      '  until you remove it yourself; while it is there, this brings it back:',
      `  vectabase backup restore --undo${where}`,
      started ? 'The installation runs again.' : `  Next: vectabase up${where}`,
      flags.undo
        ? `  Its old line of WAL goes on, and wants a backup of its own: vectabase backup create${where}`
        : `  Then, as a new line of WAL begins here: vectabase backup create${where}`,
      `  How far each line can be returned to: vectabase backup status${where}`,
      '',
    ].join('\n');
  }

  async #table(flags: RestoreFlags, table: string, ready: ReadyRestore): Promise<TableReport> {
    const { withCopyAtTarget } = await import('../../operator/backup/restore/run.ts');
    const { bringBackTable } = await import('../../operator/backup/restore/table.ts');
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const into =
      flags.to === undefined
        ? {
            address: { ...(await readRunningInstallation(flags.dir)).adminAddress, database: flags.database },
            as: flags.as,
          }
        : { file: flags.to };
    const ctx = this.context<BackupObservation>();
    const report = await withCopyAtTarget(
      ready,
      async ({ scratch }) => bringBackTable({ scratch, database: flags.database, table, into }, ctx),
      ctx,
    );
    this.closeRenderer();
    const next =
      flags.to === undefined
        ? `  Next: take what you need, then drop it: vectabase db psql${this.where(flags)}\n` +
          `    insert into ${report.table} select * from ${report.into} on conflict do nothing;\n`
        : `  Next: look at it; \\copy of psql reads it back into a table.\n`;
    this.print(`${formatCount(report.rows)} rows of ${report.table} are in ${report.into}\n${next}`);
    return report;
  }

  async #inspect(ready: ReadyRestore): Promise<Result> {
    const { withCopyAtTarget } = await import('../../operator/backup/restore/run.ts');
    await withCopyAtTarget(
      ready,
      async ({ scratch }) => {
        const { host, port, user, database } = scratch.address('postgres');
        this.closeRenderer();
        this.say('The copy is there, read-only, until you press Ctrl-C:');
        this.say(`  psql ${shellWord(`host=${host} port=${port} user=${user} dbname=${database}`)}`);
        await new Promise<void>((resolve) => this.signal.addEventListener('abort', () => resolve(), { once: true }));
      },
      this.context<BackupObservation>(),
    );
    return { inspected: true };
  }

  async #dump(flags: RestoreFlags, label: string): Promise<DumpRestored> {
    const { findDump } = await import('../../operator/backup/dump/find.ts');
    const { restoreDump } = await import('../../operator/backup/dump/restore.ts');
    const { readRunningInstallation } = await import('../../foundation/postgres/installation.ts');
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const key = keyOf(flags);
    const repository = await openRepository(await this.place({ ...flags, key }));
    const { adminAddress: address } = await readRunningInstallation(flags.dir);
    const entry = await findDump(repository, label, this.signal, flags);
    const identities = await readRecoveryKey(key);
    const { database } = flags;
    const replace = async ({ rows }: DumpRestored): Promise<void> => {
      this.closeRenderer();
      const what = `Database ${database} becomes the dump of ${entry.startedAt} (${formatCount(rows)} rows)`;
      await this.#confirm(flags, { name: database }, what);
    };
    const input = { repository, entry, identities, address, database, replace: flags.replace ? replace : undefined };
    const report = await restoreDump(input, this.context<BackupObservation>());
    this.closeRenderer();
    const kept =
      report.kept === null ? '' : `What was there is database ${report.kept}; drop it when you need it no more.\n`;
    this.print(
      `Dump ${report.dump} is in database ${report.database}: ${formatCount(report.tables)} tables, ${formatCount(report.rows)} rows, all as counted, in ${formatDuration(report.ms)}\n${kept}`,
    );
    return report;
  }

  /** A base as it ended: no replay, no questions. */
  async #unpack(flags: RestoreFlags, label: string | undefined): Promise<RestoreReport> {
    const { serviceUser } = await import('../../foundation/process/service-user.ts');
    const { findLinked } = await import('../../operator/backup/links.ts');
    const { openRepository } = await import('../../operator/backup/repository.ts');
    const { readRecoveryKey } = await import('../../operator/backup/recovery-key.ts');
    const { restoreBackup } = await import('../../operator/backup/restore.ts');
    if (flags.into === undefined || flags['dry-run']) throw noTarget();
    const key = keyOf(flags);
    const repository = await openRepository(await this.place({ ...flags, key }));
    const linked = await findLinked(repository, label, flags);
    const identities = await readRecoveryKey(key);
    const owner = await serviceUser();
    const input = { ...linked, repository, identities, into: flags.into, owner };
    const report = await restoreBackup(input, this.context<BackupObservation>());
    this.closeRenderer();
    const { into, files, bytes, ms } = report;
    this.print(
      `Backup ${report.label} is back in ${into}: ${formatCount(files)} files, ${formatBytes(bytes)}, in ${formatDuration(ms)}\n`,
    );
    return report;
  }
}

function keyOf({ key }: { key?: string | undefined }): string {
  if (key !== undefined) return key;
  throw new VectabaseError('USAGE', {
    message: 'a backup opens with the recovery key, and no file with it was named',
    hint: 'Name the file that vectabase backup key wrote: --key FILE.',
  });
}

function noTarget(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'nothing says where to return to',
    hint: "Name a second (--pitr '2026-11-22 14:03:00+00'), or --latest; or --into DIR for a backup as it ended.",
  });
}

function noSite(): VectabaseError {
  return new VectabaseError('INSTALLATION_MISSING', {
    message: 'there is no installation here whose data could be replaced',
    hint: 'Name its directory with --dir, or a data directory to make with --into DIR.',
  });
}
