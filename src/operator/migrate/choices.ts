import { VectabaseError } from '../../foundation/core/errors.ts';
import { DEFAULT_CHOICES, type MigrateChoices } from './options.ts';

export interface ChoiceFlags {
  jobs?: number | undefined;
  'build-jobs'?: number | undefined;
  'max-rate'?: string | undefined;
  'split-above'?: string | undefined;
  only?: string[] | undefined;
  exclude?: string[] | undefined;
  skip?: string[] | undefined;
  format?: string | undefined;
  verify?: boolean | undefined;
}

/** Reads the flags of a migration. @throws USAGE */
export function toChoices(flags: ChoiceFlags): MigrateChoices {
  const jobs = flags.jobs ?? DEFAULT_CHOICES.jobs;
  return {
    jobs,
    buildJobs: flags['build-jobs'] ?? flags.jobs ?? DEFAULT_CHOICES.buildJobs,
    maxRate: sizeOrOff(flags['max-rate'], '--max-rate', DEFAULT_CHOICES.maxRate),
    splitAbove: sizeOrOff(flags['split-above'], '--split-above', DEFAULT_CHOICES.splitAbove),
    only: flags.only ?? [],
    exclude: flags.exclude ?? [],
    skip: flags.skip ?? [],
    format: (flags.format ?? 'auto') as MigrateChoices['format'],
    verify: flags.verify ?? true,
  };
}

/** Only what was said on this command line, for a resumed run. */
export function givenChoices(flags: ChoiceFlags): Partial<MigrateChoices> {
  const { jobs, buildJobs, maxRate, splitAbove, only, exclude, skip, format } = toChoices(flags);
  return {
    ...(flags.jobs === undefined ? {} : { jobs, buildJobs }),
    ...(flags['build-jobs'] === undefined ? {} : { buildJobs }),
    ...(flags['max-rate'] === undefined ? {} : { maxRate }),
    ...(flags['split-above'] === undefined ? {} : { splitAbove }),
    ...(flags.only === undefined ? {} : { only }),
    ...(flags.exclude === undefined ? {} : { exclude }),
    ...(flags.skip === undefined ? {} : { skip }),
    ...(flags.format === undefined ? {} : { format }),
    ...(flags.verify === false ? { verify: false } : {}),
  };
}

const FLAG_OF = {
  splitAbove: '--split-above',
  only: '--only',
  exclude: '--exclude',
  skip: '--skip',
  format: '--format',
  verify: '--no-verify',
} as const satisfies Partial<Record<keyof MigrateChoices, string>>;

/**
 * The choices of a resumed run. How fast may be said anew; what is moved was settled when the run began, and a flag that
 * says otherwise now is refused rather than ignored.
 *
 * @throws USAGE
 */
export function resumedChoices(begun: MigrateChoices, given: Partial<MigrateChoices>): MigrateChoices {
  for (const [name, flag] of Object.entries(FLAG_OF) as Array<[keyof typeof FLAG_OF, string]>) {
    if (given[name] === undefined || JSON.stringify(given[name]) === JSON.stringify(begun[name])) continue;
    throw new VectabaseError('USAGE', {
      message: `${flag} differs from what the unfinished migration was begun with`,
      hint: `Leave ${flag} away to continue as begun, or take the run back with \`vectabase migrate abort\` and begin anew.`,
      details: { flag, begun: begun[name] },
    });
  }
  const { jobs, buildJobs, maxRate } = { ...begun, ...given };
  return { ...begun, jobs, buildJobs, maxRate };
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ...(['k', 'm', 'g'] as const).flatMap((prefix, index) =>
    ['', 'b', 'ib'].map((rest): [string, number] => [prefix + rest, 1024 ** (index + 1)]),
  ),
]);

function sizeOrOff(text: string | undefined, flag: string, otherwise: number | null): number | null {
  return text === undefined ? otherwise : text === 'off' ? null : parseSize(text, flag);
}

/** `20MB`, `512k`, `1GiB`: whole bytes, at least one, in units of 1024. @throws USAGE */
export function parseSize(text: string, flag: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)(?:\/s)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(number) * (UNITS.get((unit ?? '').toLowerCase()) ?? NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new VectabaseError('USAGE', {
      message: `${flag}: "${text}" is not a size`,
      hint: 'Write it like 20MB, 512kB or 1GB.',
    });
  }
  return bytes;
}
