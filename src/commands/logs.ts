import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { paint } from '../cli/render/paint.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import { visible } from '../foundation/core/visible.ts';
import { LOG_NAMES, type LogName } from '../operator/doctor/logs/sources.ts';

interface Result {
  readonly lines: number;
}

export default class Logs extends BaseCommand<Result> {
  static override summary = 'what Postgres, PgBouncer, the daemon and install have written';
  static override description =
    'From the journal of systemd and the log files of an installed machine, or from the files of vectabase up; several logs in the order of their times. With --json each line is an object, as it was written.';
  static override examples = [
    '<%= config.bin %> logs -f',
    '<%= config.bin %> logs postgres --since 2h',
    `<%= config.bin %> logs daemon --since '2026-11-22 14:00' --json`,
  ];
  static override streams = true;
  static override args = {
    of: Args.string({ ignoreStdin: true, description: 'whose', options: [...LOG_NAMES] }),
  };
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'go on as new lines come' }),
    lines: Flags.integer({ char: 'n', summary: 'the newest of each log', default: 100, min: 1, helpValue: 'N' }),
    since: Flags.string({ summary: 'an age (10m, 2h, 3d) or an instant in UTC', helpValue: 'TIME' }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(Logs);
    const { findPlace } = await import('../operator/doctor/place.ts');
    const { logSources } = await import('../operator/doctor/logs/sources.ts');
    const { parseSince, readable } = await import('../operator/doctor/logs/line.ts');
    const { readLogs } = await import('../operator/doctor/logs/read.ts');
    const sources = logSources(await findPlace(flags.dir), args.of as LogName | undefined);
    const since = flags.since === undefined ? undefined : parseSince(flags.since, Date.now());
    if (flags.since !== undefined && since === undefined) throw noTime(flags.since);
    const style = paint(process.stdout);
    const width = Math.max(0, ...sources.map(({ name }) => name.length));
    const wish = { sources, since, follow: flags.follow, lines: flags.since === undefined ? flags.lines : 1_000_000 };
    const lines = await readLogs(
      wish,
      (line) => {
        if (this.jsonEnabled()) process.stdout.write(`${JSON.stringify({ event: 'line', ...line })}\n`);
        const prefix = sources.length > 1 ? `${style.dim(line.source.padEnd(width))} ` : '';
        this.print(`${prefix}${visible(readable(line).replaceAll('\t', '  '))}\n`);
      },
      this.signal,
    );
    return { lines };
  }
}

function noTime(text: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `--since ${text} is neither an age nor an instant`,
    hint: `Use 10m, 2h or 3d, or an instant such as '2026-11-22 14:00'.`,
  });
}
