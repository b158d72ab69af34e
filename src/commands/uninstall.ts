import { hostname } from 'node:os';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { confirmByName } from '../cli/prompts.ts';
import type { UninstallResult } from '../operator/provision/install/run.ts';
import type { InstallObservation } from '../operator/provision/install/step.ts';

export default class Uninstall extends BaseCommand<UninstallResult> {
  static override summary = 'take everything back that install did to this machine; the data stays';
  static override description = `Files that were there before come back as they were, packages and users that were not go. Databases, backups and keys stay below /var/lib/vectabase, where a new installation finds them.
With --purge they are deleted too. Nothing brings them back then but a backup that is elsewhere.`;
  static override examples = [
    'sudo <%= config.bin %> uninstall',
    'sudo <%= config.bin %> uninstall --purge --confirm HOSTNAME',
  ];
  static override streams = true;
  static override flags = {
    purge: Flags.boolean({ summary: 'delete the data too', default: false }),
    confirm: Flags.string({ summary: 'name of this machine, instead of the question', helpValue: 'HOSTNAME' }),
  };

  async run(): Promise<UninstallResult> {
    const { flags } = await this.parse(Uninstall);
    await confirmByName({
      name: hostname(),
      given: flags.confirm,
      what: flags.purge
        ? 'This stops Vectabase here and deletes all its data'
        : 'This stops and removes Vectabase here',
      ask: this.mayAsk(flags),
      command: `vectabase uninstall${flags.purge ? ' --purge' : ''}`,
    });
    const { loadSettings } = await import('../foundation/config/settings.ts');
    const { INSTALLED } = await import('../foundation/config/directory.ts');
    const { toInstallSettings } = await import('../operator/provision/install/settings.ts');
    const { uninstallMachine } = await import('../operator/provision/install/run.ts');
    const { settings } = loadSettings({ dir: INSTALLED.configuration });
    const result = await uninstallMachine(
      toInstallSettings(settings),
      { purge: flags.purge },
      this.context<InstallObservation>(),
    );
    this.closeRenderer();
    const kept = flags.purge ? 'Its data is gone.' : `Its data and keys are kept in ${INSTALLED.state}.`;
    this.print(`${result.steps.length} steps were taken back (${(result.ms / 1000).toFixed(1)} s). ${kept}\n`);
    return result;
  }
}
