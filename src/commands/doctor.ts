import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { columnsOf, paint } from '../cli/render/paint.ts';
import type { Examination } from '../operator/doctor/examine.ts';

export default class Doctor extends BaseCommand<Examination> {
  static override summary = 'look for what is broken, or soon will be, and say what mends it';
  static override description =
    'Looks at the system, Postgres, PgBouncer, certificates, the volume, services, files, keys, backups, the network and mail. Changes nothing. Each finding ends in one command. Ends with 6 when something is broken; warnings alone end with 0.';
  static override examples = [
    'sudo <%= config.bin %> doctor',
    '<%= config.bin %> doctor --all',
    '<%= config.bin %> doctor --json',
  ];
  static override flags = {
    all: Flags.boolean({ summary: 'also list what is as it should be' }),
  };

  async run(): Promise<Examination> {
    const { flags } = await this.parse(Doctor);
    const { findPlace, aboutPlace } = await import('../operator/doctor/place.ts');
    const { deepLooks } = await import('../operator/doctor/looks.ts');
    const { examine } = await import('../operator/doctor/examine.ts');
    const { CHECKS } = await import('../operator/doctor/checks/all.ts');
    const { notHealthy, renderDoctor } = await import('../operator/doctor/text.ts');
    const { readStanding } = await import('../operator/backup/standing.ts');
    const { lookAtAlerts } = await import('../operator/backup/alerts/look.ts');
    const place = await findPlace(flags.dir);
    const now = Date.now();
    const looks = deepLooks(place, {
      backups: async (signal) => readStanding({ ...place.backups, now, signal }),
      alerts: async (standing) => lookAtAlerts({ dir: flags.dir, address: place.admin, now, standing }),
      ...(place.kind === 'machine' &&
        place.mistakes.length === 0 && { drift: async () => this.#drift(place.settings) }),
    });
    const result = await examine(CHECKS, looks, aboutPlace(place, now));
    this.print(renderDoctor(result, { all: flags.all }, paint(process.stdout), columnsOf(process.stdout)));
    if (!result.healthy) this.finishWith(result, notHealthy(result));
    return result;
  }

  /** What a second run of install would change. */
  async #drift(
    settings: Awaited<ReturnType<typeof import('../operator/doctor/place.ts').findPlace>>['settings'],
  ): Promise<Array<{ target: string; note: string }>> {
    const { planMachine } = await import('../operator/provision/install/run.ts');
    const { toInstallSettings } = await import('../operator/provision/install/settings.ts');
    const context = { observe: () => undefined, signal: this.signal, clock: { now: () => Date.now() } };
    const plan = await planMachine(toInstallSettings(settings), context);
    return plan.steps.flatMap(({ changes }) => changes.map(({ target, note }) => ({ target, note: note ?? '' })));
  }
}
