import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { debianCluster, installedCluster } from '../../../../foundation/config/machine-paths.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { machineSuperuser } from '../../../../foundation/postgres/installation.ts';
import { Session } from '../../../../foundation/postgres/session.ts';
import { showUnit } from '../kinds/unit-state.ts';
import type { Change, InstallSettings, Machine, Step } from '../step.ts';
import { overriddenBy } from './auto-conf.ts';

/** Some settings are taken only at a start. After a reload Postgres says which wait for one. */
export function inForceStep({ postgresMajor: major, postgresPort: port }: InstallSettings, settingsFile: string): Step {
  const { unit } = debianCluster(major);
  let told = false;
  return {
    id: 'postgres.in-force',
    title: 'settings in force',
    async detect(machine) {
      if (!(await showUnit(machine, unit)).active) return [];
      if (!told) await tellOverrides(machine, settingsFile, installedCluster(major).data);
      told = true;
      return waiting(port, unit);
    },
    async apply(machine) {
      if ((await waiting(port, unit)).length > 0)
        await machine.run(['systemctl', 'restart', unit], { timeout: 600_000 });
    },
    async verify() {
      await asSuperuser(port, refuseBroken);
    },
    async undo() {},
  };
}

async function waiting(port: number, unit: string): Promise<Change[]> {
  return asSuperuser(port, async (session) => {
    const rows = await session.rows<{ name: string }>(
      'select name from pg_catalog.pg_settings where pending_restart order by name',
    );
    if (rows.length === 0) return [];
    const names = rows.map(({ name }) => name).join(', ');
    return [{ action: 'run', target: unit, note: `a restart, for ${names}` }];
  });
}

async function refuseBroken(session: Session): Promise<void> {
  const [broken] = await session.rows<{ file: string; line: number; name: string | null; error: string }>(
    `select sourcefile as file, sourceline as line, name, error
       from pg_catalog.pg_file_settings where error is not null and error !~ 'cannot be changed'
      union all
     select file_name, line_number, null, error from pg_catalog.pg_hba_file_rules where error is not null
      union all
     select file_name, line_number, null, error from pg_catalog.pg_ident_file_mappings where error is not null
      limit 1`,
  );
  if (!broken) return;
  throw new VectabaseError('INSTALL_UNPROVEN', {
    message: `Postgres does not take ${broken.file} line ${broken.line}: ${broken.error}`,
    hint: 'Correct that line and run vectabase install again. Until then Postgres goes on with what it took before.',
    details: { file: broken.file, line: broken.line, name: broken.name },
  });
}

/** ALTER SYSTEM is the owner's word and wins; it is said, so that nobody wonders. */
async function tellOverrides(machine: Machine, settingsFile: string, data: string): Promise<void> {
  const [ours, auto] = await Promise.all(
    [settingsFile, path.join(data, 'postgresql.auto.conf')].map(async (file) => readFile(file, 'utf8').catch(() => '')),
  );
  for (const { name, value } of overriddenBy(auto ?? '', ours ?? '')) {
    machine.context.observe({
      event: 'install.machine.noted',
      id: 'postgres.in-force',
      note: `ALTER SYSTEM has set ${name} to '${value}', and that wins over ours; ALTER SYSTEM RESET ${name} ends it`,
    });
  }
}

async function asSuperuser<T>(port: number, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(machineSuperuser(port), { applicationName: 'vectabase install' });
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}
