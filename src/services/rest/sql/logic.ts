import { ident } from '../../../foundation/postgres/sql.ts';
import type { Condition, Logic, Test } from '../parse/ast.ts';
import type { EmbedNode } from '../plan/read.ts';
import { arrayLiteral } from '../schema/array-literal.ts';
import { sealedTestSql } from '../sealed/filter.ts';
import { sealedColumn } from '../sealed/select.ts';
import { fieldSql, representation, type FieldContext } from './field.ts';

export interface LogicContext extends FieldContext {
  readonly embeds: readonly EmbedNode[];
  /** Whether anything was embedded, as a boolean expression. */
  readonly isEmbedded: (embed: EmbedNode) => string;
}

/** One filter or tree of filters as a boolean expression. */
export function logicSql(logic: Logic, context: LogicContext): string {
  if (logic.kind === 'condition') return conditionSql(logic, context);
  const inner = logic.children.map((child) => logicSql(child, context)).join(` ${logic.operator} `);
  return logic.negated ? `not (${inner})` : `(${inner})`;
}

/** The embed that a condition is about: with `is null` an embed stands over a column of the same name. */
export function embedOf({ field, test }: Condition, embeds: readonly EmbedNode[]): EmbedNode | undefined {
  if (field.path.length > 0 || test.kind !== 'is' || test.value !== 'null') return undefined;
  return embeds.find(({ name }) => name === field.name);
}

export function embedsFiltered(where: readonly Logic[], embeds: readonly EmbedNode[]): Set<EmbedNode> {
  const found = new Set<EmbedNode>();
  const walk = (logic: Logic): void => {
    if (logic.kind === 'tree') logic.children.forEach((child) => walk(child));
    else {
      const embed = embedOf(logic, embeds);
      if (embed) found.add(embed);
    }
  };
  where.forEach((logic) => walk(logic));
  return found;
}

function conditionSql(condition: Condition, context: LogicContext): string {
  const embed = embedOf(condition, context.embeds);
  const sql = embed
    ? `not (${context.isEmbedded(embed)})`
    : testSql(condition.test, fieldSql(condition.field, context), context, condition);
  return condition.negated ? `not (${sql})` : sql;
}

const IS = { null: 'null', not_null: 'not null', true: 'true', false: 'false', unknown: 'unknown' } as const;
/** Their operand is a pattern or a null, which a domain's own reader knows nothing of. */
const RAW = ['~~', '~~*', 'is distinct from'];

function testSql(test: Test, value: string, context: LogicContext, { field }: Condition): string {
  const { params } = context;
  const column = field.path.length === 0 ? sealedColumn(field.name, context) : undefined;
  const sealed = column && sealedTestSql(test, value, column, params);
  if (sealed !== undefined) return sealed;
  const reader = field.path.length === 0 ? representation(field.name, 'from text', context) : undefined;
  const read = (text: string): string => (reader ? `${ident(reader.schema, reader.name)}(${text})` : text);
  switch (test.kind) {
    case 'is':
      return `${value} is ${IS[test.value]}`;
    case 'in': {
      const list = params.add(arrayLiteral(test.values));
      return `${value} = any (${reader ? `select ${read(`unnest(${list}::text[])`)}` : list})`;
    }
    case 'compare': {
      const operand = params.add(test.value);
      if (test.quantifier) return `${value} ${test.operator} ${test.quantifier} (${operand})`;
      return `${value} ${test.operator} ${reader && !RAW.includes(test.operator) ? read(`${operand}::text`) : operand}`;
    }
    case 'search': {
      const language = test.language === undefined ? '' : `${params.add(test.language)}::regconfig, `;
      const type = field.path.length > 0 ? 'json' : context.node.relation?.columns.get(field.name)?.type;
      const vector = type === undefined || type === 'tsvector' ? value : `to_tsvector(${language}${value})`;
      return `${vector} @@ ${test.operator}(${language}${params.add(test.value)})`;
    }
    default:
      return test satisfies never;
  }
}
