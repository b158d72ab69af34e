import { ownerAddress } from '../../../../foundation/postgres/installation.ts';
import { verifyLogins } from '../database/logins.ts';
import { fileStep } from '../kinds/file.ts';
import { unitStep } from '../kinds/unit.ts';
import { INSTALLATION, installedKeys } from '../postgres/secrets.ts';
import { certificateFiles } from '../postgres/steps.ts';
import type { InstallSettings, Step } from '../step.ts';
import { bouncerPackage } from './package.ts';
import { bouncerSettings } from './settings.ts';

const UNIT = 'pgbouncer.service';
/** Debian's own, pgbouncer.ini, is left alone. */
const SETTINGS = '/etc/pgbouncer/vectabase.ini';
const DROP_IN = `/etc/systemd/system/${UNIT}.d/40-vectabase-settings.conf`;

/** The pooler, in front of a database that has its roles. */
export function bouncerSteps(settings: InstallSettings): readonly Step[] {
  return [
    bouncerPackage(UNIT, DROP_IN),
    fileStep({
      id: 'pgbouncer.settings',
      title: 'settings of PgBouncer',
      files: async () => [
        { path: SETTINGS, content: await bouncerSettings(settings) },
        { path: DROP_IN, content: START },
      ],
      onChange: [['systemctl', 'daemon-reload']],
    }),
    {
      ...unitStep({
        id: 'pgbouncer.running',
        title: 'PgBouncer running',
        unit: UNIT,
        restartOn: [SETTINGS, DROP_IN],
        reloadOn: certificateFiles(settings.postgresMajor),
      }),
      async verify() {
        const keys = await installedKeys();
        await verifyLogins(await ownerAddress(INSTALLATION, keys, settings.poolerPort), keys);
      },
    },
  ];
}

const START = `# Written by \`vectabase install\`.
[Service]
ExecStart=
ExecStart=/usr/sbin/pgbouncer ${SETTINGS}
`;
