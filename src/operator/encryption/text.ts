import { count, whole } from '../../foundation/core/numbers.ts';
import type { Style } from '../../foundation/core/style.ts';
import { textTable, wrap } from '../../foundation/core/text-table.ts';
import { isAhead, nameOf, type ColumnPlan, type EncryptionPlan, type EncryptionStatus } from './model.ts';

const WORDS: Record<ColumnPlan['action'], string> = {
  encrypt: 'will be encrypted',
  resume: 'goes on',
  done: 'encrypted',
  absent: 'not in this database',
  blocked: 'blocked',
};

export function renderPlan({ database, columns }: EncryptionPlan, style: Style): string {
  const paintOf = {
    encrypt: style.yellow,
    resume: style.yellow,
    done: style.green,
    absent: style.dim,
    blocked: style.red,
  };
  const rows = columns.map((each) => [
    nameOf(each),
    { text: WORDS[each.action], paint: paintOf[each.action] },
    each.blindIndex ? 'by equality' : '',
    each.action === 'absent' ? '' : whole(each.rows),
  ]);
  const table = textTable(
    [{ title: 'column' }, { title: 'state' }, { title: 'found' }, { title: 'rows', align: 'right' }],
    rows,
    style.dim,
  );
  const remarks = columns.flatMap((each) =>
    [
      ...each.blockers.map((text) => `blocked: ${text}`),
      ...(each.pgp ? ['holds values that pgp_sym_encrypt made: to apply, their passphrases are needed'] : []),
      ...(each.action === 'encrypt' ? each.notes : []),
    ].map((text) => `${nameOf(each)}: ${text}`),
  );
  return lines([
    style.bold(`Encrypted columns of ${database}`),
    ...table,
    ...remarks.flatMap((text) => wrap(text, '  - ', '    ')),
  ]);
}

/**
 * What to do after this plan; empty when nothing is left.
 *
 * @param where flags that lead the next command to the same database, as of `targetWords`
 */
export function renderNext({ database, columns }: EncryptionPlan, where: string): string {
  if (columns.every(({ action }) => action === 'absent')) {
    const none =
      columns.length === 0 ? 'encryption.columns names no column' : `None of these columns is in ${database}`;
    return `${none}: name what to encrypt in the setting encryption.columns of vectabase.yml.\n`;
  }
  if (columns.some(({ action }) => action === 'blocked'))
    return `Next: change what is blocked or take it out of encryption.columns, then vectabase encryption plan${where}\n`;
  if (!columns.some(isAhead)) return '';
  const pgp = columns.some((each) => each.pgp) ? ' --pgp-passphrase-file FILE' : '';
  return `Next: vectabase encryption apply${pgp}${where}\n`;
}

export function renderStatus(
  { database, columns, dataKeys, masterKeys }: EncryptionStatus,
  where: string,
  style: Style,
): string {
  if (columns.length === 0)
    return `No column of ${database} is encrypted. vectabase encryption plan${where} shows which would be.\n`;
  const rows = columns.map((each) => [
    each.column,
    { text: each.state, paint: each.state === 'encrypted' ? style.green : style.yellow },
    each.blindIndex ? 'by equality' : '',
    Object.entries(each.values)
      .map(([id, values]) => `${id} ${whole(values)}`)
      .join(', '),
  ]);
  const residue = columns.filter((each) => each.residue).length;
  return lines([
    style.bold(`Encrypted columns of ${database}`),
    ...textTable(
      [{ title: 'column' }, { title: 'state' }, { title: 'found' }, { title: 'values by key' }],
      rows,
      style.dim,
    ),
    `  ${count(dataKeys.length, 'data key')}, ${dataKeys.find(({ active }) => active)?.id ?? 'none'} writes`,
    ...(masterKeys > 1
      ? [`  a master key is being replaced: vectabase encryption rotate --master${where} goes on`]
      : []),
    ...(residue > 0
      ? [
          style.yellow(
            `  ${count(residue, 'column')} may have plaintext left in old pages and log: vectabase encryption apply${where} removes it`,
          ),
        ]
      : []),
  ]);
}

function lines(list: readonly string[]): string {
  return `${list.join('\n')}\n`;
}
