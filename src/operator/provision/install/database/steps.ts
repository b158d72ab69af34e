import { debianCluster } from '../../../../foundation/config/machine-paths.ts';
import { machineSuperuser, ownerAddress } from '../../../../foundation/postgres/installation.ts';
import { ensureSchema, missingSchema } from '../../database.ts';
import { hasKeys } from '../../keys.ts';
import { showUnit } from '../kinds/unit-state.ts';
import { INSTALLATION, installedKeys } from '../postgres/secrets.ts';
import type { Change, InstallSettings, Step } from '../step.ts';
import { verifyLogins } from './logins.ts';

/** Schemas, roles and their passwords, in the database that a running Postgres has. */
export function databaseSteps({ postgresMajor, postgresPort }: InstallSettings): readonly Step[] {
  const { unit } = debianCluster(postgresMajor);
  const admin = machineSuperuser(postgresPort);
  return [
    {
      id: 'database.schema',
      title: 'schemas and roles, each with the rights that it needs',
      async detect(machine) {
        const target = `database ${admin.database}`;
        if (!(await hasKeys(INSTALLATION)) || !(await showUnit(machine, unit)).active) {
          return [{ action: 'create', target, note: 'schemas, roles and their passwords' }];
        }
        const { steps, passwords } = await missingSchema(admin, await installedKeys());
        return [
          ...steps.map((note): Change => ({ action: 'change', target, note })),
          ...passwords.map((role): Change => ({ action: 'change', target: `role ${role}`, note: 'its password' })),
        ];
      },
      async apply() {
        await ensureSchema(admin, await installedKeys());
      },
      async verify() {
        const keys = await installedKeys();
        await verifyLogins(await ownerAddress(INSTALLATION, keys, postgresPort), keys);
      },
      /** The data stays, or goes with its directory. */
      async undo() {},
    },
  ];
}
