import { BaseCommand } from '../cli/base-command.ts';
import { columnsOf, paint } from '../cli/render/paint.ts';
import type { Examination } from '../operator/doctor/examine.ts';

export default class Status extends BaseCommand<Examination> {
  static override summary = 'how this installation is, on one screen';
  static override description =
    'Looks only, and is quick; vectabase doctor looks deeper. Ends with 6 when something is broken.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json'];

  async run(): Promise<Examination> {
    const { flags } = await this.parse(Status);
    const { findPlace, aboutPlace } = await import('../operator/doctor/place.ts');
    const { quickLooks } = await import('../operator/doctor/looks.ts');
    const { examine } = await import('../operator/doctor/examine.ts');
    const { STATUS_CHECKS } = await import('../operator/doctor/status.ts');
    const { notHealthy, renderStatus } = await import('../operator/doctor/text.ts');
    const { readStanding } = await import('../operator/backup/standing.ts');
    const { lookAtAlerts } = await import('../operator/backup/alerts/look.ts');
    const place = await findPlace(flags.dir);
    const now = Date.now();
    const looks = quickLooks(place, {
      backups: async (signal) => readStanding({ ...place.backups, now, signal }),
      alerts: async (standing) => lookAtAlerts({ dir: flags.dir, address: place.admin, now, standing }),
    });
    const result = await examine(STATUS_CHECKS, looks, aboutPlace(place, now), 5_000);
    this.print(
      renderStatus(result, `Vectabase in ${place.paths.directory}`, paint(process.stdout), columnsOf(process.stdout)),
    );
    if (!result.healthy) this.finishWith(result, notHealthy(result));
    return result;
  }
}
