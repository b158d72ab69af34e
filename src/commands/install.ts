import { hostname } from 'node:os';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { hostFlags, installFlags, settingsOf, wordsForHost } from '../cli/install-flags.ts';
import { askYes, canAsk } from '../cli/prompts.ts';
import { paint } from '../cli/render/paint.ts';
import { showRecovery } from '../cli/show-recovery.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import type { InstallResult } from '../operator/provision/install/engine.ts';
import type { InstallPlan } from '../operator/provision/install/plan.ts';
import type { InstallObservation } from '../operator/provision/install/step.ts';

export default class Install extends BaseCommand<InstallResult | InstallPlan> {
  static override summary =
    'make this machine a server: Postgres, PgBouncer, backups and the API, encrypted and under systemd';
  static override description = `Looks at everything first, shows what it would change, and then does that. Run again it changes nothing, or repairs what somebody changed; stopped at any point, the same command goes on.
Every touched file is kept, and vectabase uninstall brings it back. Choices are written into /etc/vectabase/vectabase.yml, so a second run needs no flags.`;
  static override examples = [
    'sudo <%= config.bin %> install --dry-run',
    'sudo <%= config.bin %> install --public-url https://api.shop.example --edge caddy',
    '<%= config.bin %> install --host root@203.0.113.7',
  ];
  static override streams = true;
  static override flags = {
    ...installFlags,
    ...hostFlags,
    'dry-run': Flags.boolean({ summary: 'print what would change, with the difference of each file', default: false }),
  };

  async run(): Promise<InstallResult | InstallPlan> {
    const { flags } = await this.parse(Install);
    if (flags.host !== undefined) return this.exit(await this.#onHost(flags.host, flags));
    const { toInstallSettings } = await import('../operator/provision/install/settings.ts');
    const { installMachine, planMachine } = await import('../operator/provision/install/run.ts');
    const { renderPlan } = await import('../operator/provision/install/text.ts');
    const settings = { ...toInstallSettings(await settingsOf(flags)), recoveryFile: flags['recovery-file'] };
    const context = this.context<InstallObservation>();
    const interactive = canAsk({ noInput: flags['no-input'], json: this.jsonEnabled() });
    if (flags['dry-run'] || interactive) {
      const plan = await planMachine(settings, context);
      this.closeRenderer(); // a live display would draw over the question
      this.print(renderPlan(plan, paint(process.stdout)));
      if (flags['dry-run']) return plan;
      if (plan.steps.length > 0 && !(await askYes(`Set up ${hostname()} this way?`))) {
        throw new VectabaseError('CANCELLED', { message: 'cancelled; nothing was changed' });
      }
    }
    const result = await installMachine(settings, this.context<InstallObservation>());
    this.closeRenderer();
    this.print(summary(result));
    await this.#recovery(interactive);
    return result;
  }

  async #onHost(
    host: string,
    flags: { 'no-input': boolean; 'ssh-port'?: number | undefined; 'ssh-identity'?: string | undefined },
  ): Promise<number> {
    const { runOnHost } = await import('../operator/provision/install/remote/install-host.ts');
    const terminal = canAsk({ noInput: flags['no-input'], json: this.jsonEnabled() });
    return runOnHost({
      host,
      port: flags['ssh-port'],
      identityFile: flags['ssh-identity'],
      batch: !terminal,
      terminal,
      words: ['install', ...wordsForHost(this.argv)],
    });
  }

  /** Without it the data is lost when this machine is. */
  async #recovery(interactive: boolean): Promise<void> {
    const { readVolumeState } = await import('../foundation/volume/state.ts');
    const state = await readVolumeState();
    if (state === undefined || state.recovery !== undefined) return;
    const { makeRecovery } = await import('../foundation/volume/recovery.ts');
    if (interactive) await showRecovery(await makeRecovery(state), (line) => this.say(line));
    else this.say('The encrypted volume has no recovery key yet. Run: vectabase volume recovery --file FILE');
  }
}

function summary({ changed, steps, ms }: InstallResult): string {
  const seconds = (ms / 1000).toFixed(1);
  if (changed.length === 0) return `Nothing to do: all ${steps} steps are in place (${seconds} s).\n`;
  return [
    `${changed.length} of ${steps} steps changed something (${seconds} s).`,
    '  Look at it:      vectabase status',
    '  Keys and URLs:   vectabase keys show, vectabase db url',
    '  Backups begin:   vectabase backup key --out FILE',
    '',
  ].join('\n');
}
