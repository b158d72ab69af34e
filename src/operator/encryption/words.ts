import { VectabaseError } from '../../foundation/core/errors.ts';
import { count } from '../../foundation/core/numbers.ts';
import type { ColumnPlan } from './model.ts';
import { nameOf } from './model.ts';
import type { VerifyResult } from './verify.ts';

export function blocked(columns: readonly ColumnPlan[]): VectabaseError {
  const [first] = columns;
  const reasons = columns.map((each) => `${nameOf(each)}: ${each.blockers.join('; ')}`);
  return new VectabaseError('ENCRYPTION_BLOCKED', {
    message: `${columns.length} of the columns cannot be encrypted as they are (${first ? reasons[0] : ''})`,
    hint: 'vectabase encryption plan names each with what to change. A column that should stay as it is belongs out of encryption.columns.',
    details: { columns: reasons },
  });
}

export function lockHeld(database: string): VectabaseError {
  return new VectabaseError('LOCK_HELD', {
    message: `another vectabase encryption command works on database ${database}`,
    hint: 'Wait until it is done, then run the command again: what is begun goes on.',
  });
}

export function notInstalled(database: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `database ${database} lacks the functions of encrypted columns`,
    hint: 'Start it once with vectabase up of this release.',
  });
}

export function notUnique(column: string): VectabaseError {
  return new VectabaseError('ENCRYPTION_BLOCKED', {
    message: `two rows have the same value in ${column}, which is unique: one was written while its column was being encrypted`,
    hint: 'Change one of the two rows, then run vectabase encryption apply again: it goes on where it stopped.',
    details: { column },
  });
}

export function damagedValues(bad: number, names: readonly string[]): VectabaseError {
  return new VectabaseError('ENCRYPTION_DAMAGED', {
    message: `${bad} encrypted values do not open where they stand`,
    hint: 'They were changed or moved outside of Vectabase. Restore these rows from a backup.',
    details: { bad, rows: names },
  });
}

/** @param where flags that lead the next command to the same database, as of `targetWords` */
export function stillPlain({ applying, undoing }: VerifyResult['plain'], where: string): VectabaseError {
  const next = [
    ...(applying > 0 ? [`vectabase encryption apply${where}`] : []),
    ...(undoing > 0 ? [`vectabase encryption undo${where}`] : []),
  ];
  return new VectabaseError('ENCRYPTION_UNFINISHED', {
    message: `${count(applying + undoing, 'value')} ${applying + undoing === 1 ? 'is' : 'are'} still plain`,
    hint: `Run ${next.join(', and ')}: it goes on where it stopped.`,
    details: { applying, undoing },
  });
}

export function busy(what: string): VectabaseError {
  return new VectabaseError('ENCRYPTION_BUSY', {
    message: what,
    hint: 'Let it finish first: vectabase encryption status tells what is under way.',
  });
}
