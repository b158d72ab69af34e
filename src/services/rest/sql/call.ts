import { ident } from '../../../foundation/postgres/sql.ts';
import { arrayLiteral } from '../schema/array-literal.ts';
import type { Parameter, Routine } from '../schema/model.ts';
import type { Params } from './params.ts';

/** Where the arguments of a call are. */
export type Arguments =
  /** One JSON object whose keys are parameters, or an array of which the first one counts. */
  | { readonly kind: 'json'; readonly names: readonly string[]; readonly text: string; readonly single: boolean }
  /** Each as text, as a URL gives them. */
  | { readonly kind: 'text'; readonly values: ReadonlyMap<string, readonly string[]> }
  /** One value for the only, unnamed parameter. */
  | { readonly kind: 'body'; readonly text: string };

const ARGS = 'pgrst_args';
export const CALL = 'pgrst_call';
export const SCALAR = 'pgrst_scalar';

/** The call as a query. Rows of a composite keep their columns; anything else is one column `pgrst_scalar`. */
export function callSql(routine: Routine, args: Arguments, returning: string, params: Params): string {
  const name = ident(routine.schema, routine.name);
  const { list, from } = argumentList(routine, args, params);
  const call = `${name}(${list})`;
  if (routine.returns.kind === 'composite') {
    return `select ${returning} from ${from === '' ? '' : `${from}, lateral `}${call} as ${CALL}`;
  }
  return `select ${call} as ${SCALAR}${from === '' ? '' : ` from ${from}`}`;
}

function argumentList(routine: Routine, args: Arguments, params: Params): { list: string; from: string } {
  if (args.kind === 'body') {
    return { list: `${params.add(args.text)}::${routine.parameters[0]?.type ?? 'text'}`, from: '' };
  }
  if (args.kind === 'text') {
    const given = routine.parameters.filter(({ name }) => args.values.has(name));
    const list = given.map((each) => passed(each, textArgument(each, args.values.get(each.name) ?? [], params)));
    return { list: list.join(', '), from: '' };
  }
  const given = routine.parameters.filter(({ name }) => args.names.includes(name));
  if (given.length === 0) return { list: '', from: '' };
  const types = given.map(({ name, wideType }) => `${ident(name)} ${wideType}`).join(', ');
  return {
    list: given.map((each) => passed(each, ident(ARGS, each.name))).join(', '),
    from: `(select * from json_to_record${args.single ? '' : 'set'}(${params.add(args.text)}::json) as pgrst_given (${types}) limit 1) as ${ARGS}`,
  };
}

function passed({ name, variadic }: Parameter, value: string): string {
  return `${variadic ? 'variadic ' : ''}${ident(name)} := ${value}`;
}

/** A variadic parameter takes every value of its key. */
function textArgument({ wideType, variadic }: Parameter, values: readonly string[], params: Params): string {
  return `${params.add(variadic ? arrayLiteral(values) : (values.at(-1) ?? ''))}::${wideType}`;
}
