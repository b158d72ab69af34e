import { Flags } from '@oclif/core';
import { openingFlags } from './backup-command.ts';

/** Where a replay stops: one of these. */
const targetFlags = {
  pitr: Flags.string({
    summary: "the second to return to, with its zone: '2026-11-22 14:03:00+00'",
    helpValue: 'TIME',
  }),
  lsn: Flags.string({ summary: 'a place in the WAL to return to', helpValue: 'LSN' }),
  xid: Flags.string({ summary: 'the last transaction to keep', helpValue: 'ID' }),
  name: Flags.string({ summary: 'what was given to pg_create_restore_point()', helpValue: 'NAME' }),
  latest: Flags.boolean({ summary: 'the last commit that was archived', default: false }),
};

export const restoreFlags = {
  ...targetFlags,
  timeline: Flags.integer({ summary: 'another line of WAL than the one that was live then', min: 1, helpValue: 'N' }),
  key: Flags.string({ summary: 'file with the recovery key', env: 'VECTABASE_RECOVERY_KEY_FILE', helpValue: 'FILE' }),
  unsigned: openingFlags.unsigned,
  // These have no plan to show: better refused than done.
  'dry-run': Flags.boolean({
    summary: 'only tell what would be done',
    default: false,
    exclusive: ['undo', 'resume', 'dump'],
  }),
  into: Flags.string({
    summary: 'data directory to make, instead of replacing the one that is here',
    helpValue: 'DIR',
  }),
  inspect: Flags.boolean({ summary: 'keep the copy for reading until Ctrl-C, and change nothing', default: false }),
  table: Flags.string({
    summary: 'bring back this table alone, beside the one that is here',
    helpValue: 'SCHEMA.NAME',
  }),
  dump: Flags.string({ summary: 'restore this dump (or: newest) into a new database', helpValue: 'LABEL' }),
  replace: Flags.boolean({
    summary: 'let what --dump made take the name of the database that is here',
    default: false,
  }),
  database: Flags.string({ summary: 'database of --table and --dump', default: 'postgres', helpValue: 'NAME' }),
  as: Flags.string({
    summary: 'name that --table gets here (default: vectabase_restored.NAME)',
    helpValue: 'SCHEMA.NAME',
  }),
  to: Flags.string({ summary: 'file that --table is written to as CSV, instead of the database', helpValue: 'FILE' }),
  scratch: Flags.string({ summary: 'where the copy is built (default: beside the data directory)', helpValue: 'DIR' }),
  undo: Flags.boolean({ summary: 'bring back what the last restore replaced', default: false }),
  resume: Flags.boolean({ summary: 'go on with a restore that stopped while it replaced the data', default: false }),
  confirm: Flags.string({ summary: 'the name of the installation, instead of typing it', helpValue: 'NAME' }),
};
