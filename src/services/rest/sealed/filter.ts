import type { SealedColumn } from '../../../foundation/encryption/sealed-columns.ts';
import { RestError } from '../errors.ts';
import type { Test } from '../parse/ast.ts';
import { arrayLiteral } from '../schema/array-literal.ts';
import type { Params } from '../sql/params.ts';
import { blindSql } from './select.ts';
import { blindValue, blindValues } from './values.ts';

/**
 * A filter on an encrypted column, in terms of its blind index.
 *
 * @param value the column in SQL
 * @throws RestError VT006 for what ciphertext cannot answer
 */
export function sealedTestSql(test: Test, value: string, column: SealedColumn, params: Params): string | undefined {
  if (test.kind === 'is') return undefined;
  if (!column.indexed) throw unanswerable(column, 'is');
  const blind = blindSql(value);
  if (test.kind === 'in') {
    const sealed = `${blind} = any (${params.add(blindValues(column, test.values))})`;
    return column.mixed ? `(${sealed} or ${value} = any (${params.add(arrayLiteral(test.values))}))` : sealed;
  }
  const comparable = test.kind === 'compare' && test.quantifier === undefined;
  if (!comparable || (test.operator !== '=' && test.operator !== '<>'))
    throw unanswerable(column, 'eq, neq, in and is');
  const sealed = `${blind} ${test.operator} ${params.add(blindValue(column, test.value))}`;
  if (!column.mixed) return sealed;
  return `(${sealed} or (${blind} is null and ${value} ${test.operator} ${params.add(test.value)}))`;
}

function unanswerable({ name }: SealedColumn, can: string): RestError {
  return new RestError({
    status: 400,
    code: 'VT006',
    message: `column ${name.table}.${name.column} is encrypted: only ${can} can filter it`,
  });
}
