import { VectabaseError } from '../../../foundation/core/errors.ts';
import { formatLsn, parseLsn, type Lsn } from '../names.ts';

/** Where a replay shall stop. All kinds but `latest` are Postgres' own `recovery_target_*`. */
export type RestoreTarget =
  /** Microseconds since the epoch: what a commit record holds. Commits at that microsecond are kept. */
  | { readonly kind: 'time'; readonly micros: number }
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  | { readonly kind: 'xid'; readonly xid: bigint }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'latest' }
  /** Where the backup itself is consistent, without any WAL after it. */
  | { readonly kind: 'base' };

export interface TargetFlags {
  readonly pitr?: string | undefined;
  readonly lsn?: string | undefined;
  readonly xid?: string | undefined;
  readonly name?: string | undefined;
  readonly latest?: boolean | undefined;
}

/**
 * The one target that the flags name; undefined when they name none.
 *
 * @throws VectabaseError USAGE for two of them, or one that cannot be read
 */
export function parseTarget(flags: TargetFlags): RestoreTarget | undefined {
  const given = [
    flags.pitr === undefined ? undefined : ({ kind: 'time', micros: parseInstant(flags.pitr) } as const),
    flags.lsn === undefined ? undefined : ({ kind: 'lsn', lsn: parseLsnFlag(flags.lsn) } as const),
    flags.xid === undefined ? undefined : ({ kind: 'xid', xid: parseXid(flags.xid) } as const),
    flags.name === undefined ? undefined : ({ kind: 'name', name: parseName(flags.name) } as const),
    flags.latest === true ? ({ kind: 'latest' } as const) : undefined,
  ].filter((target) => target !== undefined);
  if (given.length > 1) {
    throw new VectabaseError('USAGE', {
      message: 'more than one place to stop at was given',
      hint: 'Give one of --pitr, --lsn, --xid, --name and --latest.',
    });
  }
  return given[0];
}

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?\s*(.*)$/;
const OFFSET = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?$/i;

/**
 * `2026-11-22 14:03:00+00` to microseconds since the epoch. The zone must be told: a restore to the wrong hour looks
 * like a good one.
 *
 * @throws VectabaseError USAGE
 */
export function parseInstant(text: string): number {
  const found = INSTANT.exec(text.trim());
  if (!found) throw unreadable('--pitr', text, "a date, a time and a zone: --pitr '2026-11-22 14:03:00+00'");
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0));
  const zone = found[8] ?? '';
  if (zone === '') {
    throw new VectabaseError('USAGE', {
      message: `--pitr: "${text}" does not say its time zone`,
      hint: `Add it: '${text.trim()}+00' for UTC, '${text.trim()}+01' for one hour east of it.`,
    });
  }
  const offset = /^(Z|UTC|GMT)$/i.test(zone) ? 0 : offsetMinutes(zone);
  const local = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  // Date.UTC takes the 31st of June for the 1st of July, and 24:00 for the next day.
  const same =
    new Date(local).toISOString().slice(0, 16) === `${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}`;
  if (offset === undefined) throw unreadable('--pitr', text, 'a zone like +00, -03:30 or UTC behind the time');
  if (!same || (second ?? 0) > 59) throw unreadable('--pitr', text, 'a day and a time that exist');
  return (local - offset * 60_000) * 1000 + Number((found[7] ?? '').padEnd(6, '0'));
}

function offsetMinutes(zone: string): number | undefined {
  const found = OFFSET.exec(zone);
  if (!found) return undefined;
  const [hours, minutes] = [Number(found[2]), Number(found[3] ?? 0)];
  // Postgres' own limits; the easternmost zone is +14.
  if (hours > 15 || minutes > 59) return undefined;
  return (found[1] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

/** `2026-11-22 14:03:00.000001+00`: for people, and for recovery_target_time. */
export function instantText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const rest = micros - seconds * 1_000_000;
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return `${text}${rest === 0 ? '' : `.${String(rest).padStart(6, '0').replace(/0+$/, '')}`}+00`;
}

function parseLsnFlag(text: string): bigint {
  const lsn = parseLsn(text.trim());
  if (lsn === undefined) throw unreadable('--lsn', text, 'what pg_current_wal_lsn() prints: 0/3000028');
  return lsn;
}

function parseXid(text: string): bigint {
  if (/^\d{1,19}$/.test(text) && BigInt(text) >= 3n) return BigInt(text);
  throw unreadable('--xid', text, 'what pg_current_xact_id() prints: a number of 3 or more');
}

/** Postgres keeps 63 bytes of a restore point's name, and ours stands in a file of settings. */
function parseName(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is refused
  if (text !== '' && Buffer.byteLength(text) < 64 && !/[\u0000-\u001f]/.test(text)) return text;
  throw unreadable('--name', text, 'the name given to pg_create_restore_point(), of at most 63 bytes');
}

function unreadable(flag: string, text: string, wanted: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `${flag}: "${text}" cannot be read`,
    hint: `Give ${wanted}.`,
  });
}

/** Lines of postgresql.conf that make Postgres stop there and wait. */
export function targetSettings(target: RestoreTarget): Record<string, string> {
  switch (target.kind) {
    case 'time':
      return { recovery_target_time: instantText(target.micros) };
    case 'lsn':
      return { recovery_target_lsn: formatLsn(target.lsn) };
    case 'xid':
      // Compared as 32 bits: the epoch of a full id is not in a commit record.
      return { recovery_target_xid: String(target.xid & 0xffff_ffffn) };
    case 'name':
      return { recovery_target_name: target.name };
    case 'latest':
      return {};
    case 'base':
      return { recovery_target: 'immediate' };
  }
}

/** For people: `2026-11-22 14:03:00+00`, `LSN 0/3000028`. */
export function targetText(target: RestoreTarget): string {
  switch (target.kind) {
    case 'time':
      return instantText(target.micros);
    case 'lsn':
      return `LSN ${formatLsn(target.lsn)}`;
    case 'xid':
      return `transaction ${target.xid}`;
    case 'name':
      return `restore point ${target.name}`;
    case 'latest':
      return 'the latest commit';
    case 'base':
      return 'the end of the backup';
  }
}
