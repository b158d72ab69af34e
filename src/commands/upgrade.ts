import path from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { exitCodeOf } from '../cli/stand-in.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import type { UpgradePlan, UpgradeResult } from '../operator/provision/upgrade/run.ts';

export default class Upgrade extends BaseCommand<UpgradeResult | UpgradePlan> {
  static override summary = 'bring an installed machine to another release, and back when that is not healthy';
  static override description = `Puts the package beside the release that runs, changes vectabase.yml where the release asks for it, lets it install itself, restarts the daemon and waits until it is healthy. If it is not, the old release is brought back. Clients wait for a moment meanwhile; none is refused.
Stopped at any point, vectabase upgrade goes on. Without a source it is about the package that the command is of.`;
  static override examples = [
    'sudo <%= config.bin %> upgrade vectabase@1.2.0 --dry-run',
    'sudo <%= config.bin %> upgrade ./vectabase-1.2.0.tgz --sha256 9f86d081…',
    'sudo <%= config.bin %> upgrade --rollback',
  ];
  static override args = {
    source: Args.string({ ignoreStdin: true, description: 'directory, tarball or npm package of a release' }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ summary: 'tell what would happen', exclusive: ['rollback'] }),
    rollback: Flags.boolean({ summary: 'go back to the release before the last upgrade' }),
    sha256: Flags.string({ summary: 'what the tarball must have', helpValue: 'HEX' }),
  };

  async run(): Promise<UpgradeResult | UpgradePlan> {
    const { args, flags } = await this.parse(Upgrade);
    const { planUpgrade, releaseInCharge, rollBack, upgradeMachine } =
      await import('../operator/provision/upgrade/run.ts');
    const inCharge = await releaseInCharge();
    if (inCharge !== undefined) await this.#handOver(inCharge, flags);
    if (args.source !== undefined) await this.#handOverTo(args.source, flags);
    if (flags['dry-run']) {
      const plan = await planUpgrade();
      const lines = plan.configuration.map((title) => `  vectabase.yml: ${title}\n`);
      this.print(`${plan.unfinished ? 'Goes on: ' : ''}${plan.from} -> ${plan.to}\n${lines.join('')}`);
      this.say('What it would change on this machine: vectabase install --dry-run, with the new release.');
      return plan;
    }
    const result = await (flags.rollback ? rollBack(this.signal) : upgradeMachine(this.signal));
    if (result.outcome === 'returned' && !flags.rollback) this.finishWith(result, wentBack(result));
    this.print(`${sentenceOf(result)}\n`);
    return result;
  }

  /** Unpacks a release, and lets it upgrade the machine to itself. */
  async #handOverTo(source: string, flags: HandedOn): Promise<never> {
    const { stagePackage } = await import('../operator/provision/upgrade/stage.ts');
    const staged = await stagePackage(source, flags.sha256);
    try {
      return await this.#handOver(staged.root, flags);
    } finally {
      await staged.remove();
    }
  }

  async #handOver(root: string, flags: HandedOn): Promise<never> {
    const { runForeground } = await import('../foundation/process/foreground.ts');
    const { childEnvironment } = await import('../foundation/config/child-environment.ts');
    const words = ['dry-run', 'rollback', 'no-input'].flatMap((name) =>
      flags[name as keyof HandedOn] === true ? [`--${name}`] : [],
    );
    const json = this.jsonEnabled() ? ['--json'] : [];
    const argv = [process.execPath, path.join(root, 'bin', 'run.js'), 'upgrade', ...words, ...json] as const;
    return this.exit(await exitCodeOf(await runForeground(argv, { env: childEnvironment() })));
  }
}

interface HandedOn {
  readonly 'dry-run': boolean;
  readonly rollback: boolean;
  readonly 'no-input': boolean;
  readonly sha256: string | undefined;
}

function sentenceOf({ outcome, from, to }: UpgradeResult): string {
  if (outcome === 'nothing to do') return `${to} runs already`;
  return outcome === 'done' ? `${to} runs, and is healthy. Back: vectabase upgrade --rollback` : `${from} runs again`;
}

function wentBack({ from, to, reason }: UpgradeResult): VectabaseError {
  return new VectabaseError('UPGRADE_RETURNED', {
    message: `${to} was not healthy, and ${from} runs again: ${reason ?? 'unknown'}`,
    hint: 'Nothing was lost. Run journalctl -u vectabase.service to see what the new release said.',
    details: { from, to, reason },
  });
}
