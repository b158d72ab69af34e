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
  const split = flags['split-above'];
  return {
    jobs,
    buildJobs: flags['build-jobs'] ?? flags.jobs ?? DEFAULT_CHOICES.buildJobs,
    maxRate: flags['max-rate'] === undefined ? null : parseSize(flags['max-rate'], '--max-rate'),
    splitAbove:
      split === undefined ? DEFAULT_CHOICES.splitAbove : split === 'off' ? null : parseSize(split, '--split-above'),
    only: flags.only ?? [],
    exclude: flags.exclude ?? [],
    skip: flags.skip ?? [],
    format: (flags.format ?? 'auto') as MigrateChoices['format'],
    verify: flags.verify ?? true,
  };
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ...(['k', 'm', 'g'] as const).flatMap((prefix, index) =>
    ['', 'b', 'ib'].map((rest): [string, number] => [prefix + rest, 1024 ** (index + 1)]),
  ),
]);

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
