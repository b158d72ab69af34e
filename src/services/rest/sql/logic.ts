import { ident } from '../../../foundation/postgres/sql.ts';
import { badRequest } from '../errors.ts';
import type { Condition, Logic, Test } from '../parse/ast.ts';
import type { EmbedNode } from '../plan/read.ts';
import { arrayLiteral } from '../schema/array-literal.ts';
import { fieldSql, type FieldContext } from './field.ts';

export interface LogicContext extends FieldContext {
  readonly embeds: readonly EmbedNode[];
}

/** One filter or tree of filters as a boolean expression. */
export function logicSql(logic: Logic, context: LogicContext): string {
  if (logic.kind === 'condition') return conditionSql(logic, context);
  const inner = logic.children.map((child) => logicSql(child, context)).join(` ${logic.operator} `);
  return logic.negated ? `not (${inner})` : `(${inner})`;
}

/** The embed that a condition is about, if it is about one. */
export function embedOf({ field }: Condition, embeds: readonly EmbedNode[]): EmbedNode | undefined {
  if (field.path.length > 0) return undefined;
  return (
    embeds.find(({ name }) => name === field.name) ??
    embeds.find(({ target, name }) => target === field.name && name !== field.name)
  );
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
    ? embedTest(condition, embed)
    : testSql(condition.test, fieldSql(condition.field, context), context, condition);
  return condition.negated ? `not (${sql})` : sql;
}

/** Whether anything was embedded: the row as a whole, because each of its columns may be null. */
function embedTest({ test }: Condition, { name, alias, toOne }: EmbedNode): string {
  if (test.kind !== 'is' || (test.value !== 'null' && test.value !== 'not_null')) throw badRequest.embedFilter(name);
  const joined = toOne ? ident(alias) : ident(alias, alias);
  return `${joined} is ${test.value === 'null' ? 'not ' : ''}distinct from null`;
}

const IS = { null: 'null', not_null: 'not null', true: 'true', false: 'false', unknown: 'unknown' } as const;

function testSql(test: Test, value: string, context: LogicContext, { field }: Condition): string {
  const { params } = context;
  switch (test.kind) {
    case 'is':
      return `${value} is ${IS[test.value]}`;
    case 'in':
      return `${value} = any (${params.add(arrayLiteral(test.values))})`;
    case 'compare': {
      const operand = params.add(test.value);
      return `${value} ${test.operator} ${test.quantifier ? `${test.quantifier} (${operand})` : operand}`;
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
