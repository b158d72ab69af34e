import { Flags } from '@oclif/core';

/** Flags that say where a migration reads and writes. A connection string with a password never has to be one of them. */
export const endFlags = {
  source: Flags.string({
    summary: 'connection string of the Supabase project (better: VECTABASE_SOURCE_URL or --source-file)',
    helpValue: 'URL',
  }),
  'source-file': Flags.string({
    summary: 'file that holds the connection string',
    helpValue: 'FILE',
    exclusive: ['source'],
  }),
  'target-file': Flags.string({
    summary: 'file with the connection string of another target than the installation in --dir',
    helpValue: 'FILE',
  }),
};

export const targetFlags = { 'target-file': endFlags['target-file'] };

/** Flags that say how. */
export const choiceFlags = {
  jobs: Flags.integer({ summary: 'tables copied at once', min: 1, max: 32, helpValue: 'N' }),
  'build-jobs': Flags.integer({
    summary: 'indexes built at once (default: as --jobs)',
    min: 1,
    max: 32,
    helpValue: 'N',
  }),
  'max-rate': Flags.string({ summary: 'bytes per second over all tables, e.g. 20MB (default off)', helpValue: 'SIZE' }),
  'split-above': Flags.string({
    summary: 'copy larger tables in parts (default 1GB; off never splits)',
    helpValue: 'SIZE',
  }),
  only: Flags.string({
    summary: 'move rows of these tables only (structure always moves whole)',
    multiple: true,
    helpValue: 'GLOB',
  }),
  exclude: Flags.string({ summary: 'leave the rows of these tables', multiple: true, helpValue: 'GLOB' }),
  skip: Flags.string({
    summary: 'leave out an object knowingly, as named by the plan',
    multiple: true,
    helpValue: 'OBJECT',
  }),
  format: Flags.string({ summary: 'how rows travel (default auto)', options: ['auto', 'text', 'binary'] }),
};
