import { INSTALLED } from '../../../foundation/config/directory.ts';
import { databaseSteps } from './database/steps.ts';
import { edgeSteps } from './edge/steps.ts';
import { hostSteps } from './host/steps.ts';
import { directoryStep } from './kinds/directory.ts';
import { userStep } from './kinds/user.ts';
import { settingsStep } from './machine/settings-step.ts';
import { packageSteps } from './package/package-step.ts';
import { bouncerSteps } from './pgbouncer/steps.ts';
import { postgresSteps } from './postgres/steps.ts';
import type { InstallSettings, Step } from './step.ts';
import { serviceSteps, unitFileSteps } from './units/steps.ts';
import { volumeSteps } from './volume/steps.ts';

/** Everything that an installed machine has, in the order in which it is made. Each room of it adds its own line. */
export function installSteps(settings: InstallSettings): readonly Step[] {
  return [
    ...packageSteps(),
    userStep({
      id: 'machine.users',
      title: 'system users',
      groups: ['vectabase-archive'],
      users: [{ name: 'vectabase', home: '/var/lib/vectabase', comment: 'Vectabase daemon' }],
    }),
    directoryStep({
      id: 'machine.directories',
      title: 'directories of configuration and state',
      directories: [
        { path: INSTALLED.configuration, mode: 0o750, owner: 'root:vectabase', data: 'moves' },
        { path: INSTALLED.state, mode: 0o755 },
      ],
    }),
    settingsStep(settings),
    ...volumeSteps(settings),
    directoryStep({
      id: 'machine.scratch',
      title: 'directory of rehearsals',
      // Sticky, and root's: the daemon builds copies there, and cannot put its own in the place of root's.
      directories: [{ path: `${INSTALLED.data}/scratch`, mode: 0o1771, owner: 'root:vectabase' }],
    }),
    ...unitFileSteps(settings),
    ...postgresSteps(settings),
    ...databaseSteps(settings),
    ...bouncerSteps(settings),
    ...serviceSteps(settings),
    ...edgeSteps(settings),
    ...hostSteps(settings),
  ];
}
