import { hostname } from 'node:os';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { hostFlags, installFlags, settingsOf, wordsForHost } from '../cli/install-flags.ts';
import { askSecret, askYes } from '../cli/prompts.ts';
import { columnsOf, paint } from '../cli/render/paint.ts';
import { showRecovery } from '../cli/show-recovery.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import type { InstallPlan } from '../operator/provision/install/plan.ts';
import type { MachineResult } from '../operator/provision/install/run.ts';
import type { InstallObservation, InstallSettings } from '../operator/provision/install/step.ts';

export default class Install extends BaseCommand<MachineResult | InstallPlan> {
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
    'dry-run': Flags.boolean({ summary: 'print what would change, and do nothing', default: false }),
    diff: Flags.boolean({
      summary: 'show new files line by line too, not only what changes in others',
      default: false,
    }),
  };

  async run(): Promise<MachineResult | InstallPlan> {
    const { flags } = await this.parse(Install);
    if (flags.host !== undefined) return this.exit(await this.#onHost(flags.host, flags));
    const { toInstallSettings } = await import('../operator/provision/install/settings.ts');
    const { installMachine, planMachine } = await import('../operator/provision/install/run.ts');
    const { notesOf, renderPlan } = await import('../operator/provision/install/text.ts');
    const settings = { ...toInstallSettings(await settingsOf(flags)), recoveryFile: flags['recovery-file'] };
    const context = this.context<InstallObservation>();
    const look = { style: paint(process.stdout), width: columnsOf(process.stdout) };
    const interactive = this.mayAsk(flags);
    if (flags['dry-run'] || interactive) {
      const plan = await planMachine(settings, context);
      this.closeRenderer(); // a live display would draw over the question
      this.print(renderPlan(plan, { ...look, diffs: flags.diff }));
      if (flags['dry-run']) return plan;
      if (plan.steps.length > 0 && !(await askYes(`Set up ${hostname()} this way?`))) {
        throw new VectabaseError('CANCELLED', { message: 'cancelled; nothing was changed' });
      }
    }
    const passphrase = interactive ? await newPassphraseFor(settings) : undefined;
    const result = await installMachine({ ...settings, passphrase }, this.context<InstallObservation>());
    this.closeRenderer();
    // Who was asked has read the notes with the plan.
    const notes = interactive ? [] : notesOf(result.notes, look);
    this.print([...summary(result, settings), ...notes, ''].join('\n'));
    await this.#recovery(interactive, passphrase);
    return result;
  }

  async #onHost(
    host: string,
    flags: { 'no-input': boolean; 'ssh-port'?: number | undefined; 'ssh-identity'?: string | undefined },
  ): Promise<number> {
    const { runOnHost } = await import('../operator/provision/install/remote/install-host.ts');
    const terminal = this.mayAsk(flags);
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
  async #recovery(interactive: boolean, passphrase: string | undefined): Promise<void> {
    const { readVolumeState } = await import('../foundation/volume/state.ts');
    const state = await readVolumeState();
    if (state === undefined || state.recovery !== undefined) return;
    const { makeRecovery } = await import('../foundation/volume/recovery.ts');
    if (interactive) await showRecovery(await makeRecovery(state, passphrase), (line) => this.say(line));
    else this.say('The encrypted volume has no recovery key yet. Run: vectabase volume recovery --file FILE');
  }
}

/** Asked for before the first step: later, the display of the work would draw over the question. */
async function newPassphraseFor({ volume, volumeKey }: InstallSettings): Promise<string | undefined> {
  const { readVolumeState } = await import('../foundation/volume/state.ts');
  const made = volume.kind === 'existing' || volume.kind === 'plaintext' || (await readVolumeState())?.ready === true;
  if (volumeKey !== 'passphrase' || made) return undefined;
  const { newPassphrase } = await import('../foundation/volume/machine-key.ts');
  const { INSTALLED } = await import('../foundation/config/directory.ts');
  return newPassphrase(INSTALLED.data, askSecret);
}

function summary({ changed, steps, ms, sealsBackups }: MachineResult, settings: InstallSettings): string[] {
  const seconds = (ms / 1000).toFixed(1);
  if (changed.length === 0) return [`Nothing to do: all ${steps} steps are in place (${seconds} s).`];
  const { publicUrl, apiPort, postgresPort, poolerPort } = settings;
  return [
    `Vectabase runs on this machine: ${changed.length} of ${steps} steps changed something (${seconds} s).`,
    '',
    `  API        ${publicUrl ?? `http://127.0.0.1:${apiPort}`}`,
    `  Postgres   127.0.0.1:${postgresPort}, through PgBouncer ${poolerPort}`,
    '',
    'Next:',
    ...(sealsBackups
      ? []
      : [
          '  vectabase backup key --out FILE   the key for backups; keep it elsewhere',
          '  vectabase install                 once more: backups begin',
        ]),
    '  vectabase keys show               URL and keys for your application',
    '  vectabase migrate plan            bring a Supabase project here',
    '  vectabase status                  how it all is',
  ];
}
