import { existsSync } from 'node:fs';
import path from 'node:path';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { LOG_DIRECTORY } from '../../../foundation/config/machine-paths.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { Place } from '../place.ts';

/** Whose log: a file that is written at its end, or a unit of systemd. */
export type LogSource = { readonly name: LogName } & ({ readonly file: string } | { readonly unit: string });

export const LOG_NAMES = ['postgres', 'pgbouncer', 'daemon', 'install'] as const;
export type LogName = (typeof LOG_NAMES)[number];

/** Where the logs of an installation are. Nobody asks for the journal of `install` without naming it. */
export function logSources({ kind, paths, cluster }: Place, wanted: LogName | undefined): LogSource[] {
  const all: readonly LogSource[] =
    kind === 'up'
      ? [
          { name: 'postgres', file: cluster.log },
          { name: 'daemon', file: paths.daemonLog },
        ]
      : [
          { name: 'postgres', file: cluster.log },
          { name: 'pgbouncer', file: path.join(LOG_DIRECTORY, 'pgbouncer.log') },
          { name: 'daemon', unit: 'vectabase.service' },
          { name: 'install', file: path.join(INSTALLED.journal, 'journal.ndjson') },
        ];
  const found = all.filter(({ name }) => (wanted === undefined ? name !== 'install' : name === wanted));
  if (found.length > 0)
    return found.filter((source) => !('file' in source) || wanted !== undefined || existsSync(source.file));
  throw new VectabaseError('USAGE', {
    message: `vectabase up has no ${wanted ?? 'log'}`,
    hint: 'Run vectabase logs postgres or vectabase logs daemon.',
  });
}
