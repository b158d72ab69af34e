import { badRequest } from '../errors.ts';
import type { At, Logic, OrderTerm, SelectedEmbed, SelectedField, SelectItem } from '../parse/ast.ts';
import type { Query } from '../parse/query.ts';
import {
  isToOne,
  keyOf,
  type QualifiedName,
  type Relation,
  type Relationship,
  type SchemaCache,
} from '../schema/model.ts';
import { findRelationship } from './find-relationship.ts';

/** One relation to read, and what hangs on it. */
export interface ReadNode {
  /** The relation that the rows come from; only its name when it is a function's own rows. */
  readonly origin: QualifiedName;
  readonly relation: Relation | undefined;
  /** How SQL names it. The root keeps its own name, so that Postgres' errors read as the client wrote. */
  readonly alias: string;
  readonly star: boolean;
  readonly fields: readonly SelectedField[];
  readonly embeds: readonly EmbedNode[];
  readonly where: readonly Logic[];
  readonly order: readonly OrderTerm[];
  readonly limit: number | undefined;
  /** The limit is the server's, not the client's. */
  readonly capped: boolean;
  readonly offset: number;
}

export interface EmbedNode {
  /** Key in the answer, and what filters call it. */
  readonly name: string;
  readonly target: string;
  readonly relationship: Relationship;
  readonly toOne: boolean;
  readonly inner: boolean;
  readonly spread: boolean;
  /** Selected nothing: joined for filtering alone. */
  readonly hidden: boolean;
  /** How SQL names its joined rows. */
  readonly alias: string;
  readonly node: ReadNode;
}

export interface PlanContext {
  readonly cache: SchemaCache;
  readonly maxRows: number | undefined;
  readonly aggregatesEnabled: boolean;
}

/** @throws RestError PGRST108, 118, 123, 127, 200, 201 */
export function planRead(
  origin: QualifiedName,
  query: Pick<Query, 'select' | 'filters' | 'order' | 'limit' | 'offset'>,
  context: PlanContext,
): ReadNode {
  const planner = new Planner(context);
  const root = planner.node(origin, origin.name, query.select, query);
  return root;
}

type Parameters = Pick<Query, 'filters' | 'order' | 'limit' | 'offset'>;

class Planner {
  readonly #context: PlanContext;
  #aliases = 0;

  constructor(context: PlanContext) {
    this.#context = context;
  }

  node(origin: QualifiedName, alias: string, select: readonly SelectItem[], parameters: Parameters): ReadNode {
    const { cache, maxRows, aggregatesEnabled } = this.#context;
    const fields = select.filter((item) => item.kind === 'field');
    if (!aggregatesEnabled && fields.some(({ aggregate }) => aggregate !== undefined)) throw badRequest.aggregates();
    const requested = select.filter((item) => item.kind === 'embed');
    const names = requested.map((item) => [item.alias ?? item.target, item.target] as const);
    const below = (at: number): Parameters => childParameters(parameters, names, at);
    const embeds = requested.map((item, at) => this.#embed(origin, item, below(at)));
    assertEmbedded(parameters, names);
    const order = here(parameters.order).flat();
    assertToOneOrders(order, embeds, origin.name);
    const limit = here(parameters.limit).at(-1);
    if (limit !== undefined && limit < 0) throw badRequest.negativeLimit();
    return {
      origin,
      relation: cache.relations.get(keyOf(origin)),
      alias,
      star: select.some((item) => item.kind === 'star'),
      fields,
      embeds,
      where: here(parameters.filters),
      order,
      limit: maxRows === undefined ? limit : Math.min(limit ?? maxRows, maxRows),
      capped: maxRows !== undefined && (limit ?? maxRows) >= maxRows,
      offset: Math.max(here(parameters.offset).at(-1) ?? 0, 0),
    };
  }

  #embed(origin: QualifiedName, item: SelectedEmbed, parameters: Parameters): EmbedNode {
    const relationship = findRelationship(this.#context.cache, origin, item.target, item.hint);
    const id = ++this.#aliases;
    const node = this.node(relationship.target, `${relationship.target.name}_${id}`, item.select, parameters);
    const toOne = isToOne(relationship);
    if (item.spread && !toOne && node.fields.some(({ aggregate }) => aggregate !== undefined)) {
      throw badRequest.notImplemented('Aggregates are not implemented for one-to-many or many-to-many spreads.');
    }
    return {
      name: item.alias ?? item.target,
      target: item.target,
      relationship,
      toOne,
      inner: item.inner,
      spread: item.spread,
      hidden: !node.star && node.fields.length === 0 && node.embeds.every(({ hidden }) => hidden),
      alias: `${node.alias}_embed`,
      node,
    };
  }
}

function here<T>(list: ReadonlyArray<At<T>>): T[] {
  return list.filter(({ path }) => path.length === 0).map(({ value }) => value);
}

/** An alias wins over a relation's name when both could be meant. */
function childParameters(
  parameters: Parameters,
  names: ReadonlyArray<readonly [string, string]>,
  at: number,
): Parameters {
  const below = <T>(list: ReadonlyArray<At<T>>): Array<At<T>> =>
    list
      .filter(({ path: [first] }) => first !== undefined && ownerOf(first, names) === at)
      .map(({ path, value }) => ({ path: path.slice(1), value }));
  const { filters, order, limit, offset } = parameters;
  return { filters: below(filters), order: below(order), limit: below(limit), offset: below(offset) };
}

function ownerOf(name: string, names: ReadonlyArray<readonly [string, string]>): number {
  const byAlias = names.findIndex(([alias]) => alias === name);
  return byAlias >= 0 ? byAlias : names.findIndex(([, target]) => target === name);
}

function assertEmbedded(parameters: Parameters, names: ReadonlyArray<readonly [string, string]>): void {
  const { filters, order, limit, offset } = parameters;
  for (const { path } of [...filters, ...order, ...limit, ...offset]) {
    const [first] = path;
    if (first !== undefined && ownerOf(first, names) < 0) throw badRequest.notEmbedded(first);
  }
}

function assertToOneOrders(order: readonly OrderTerm[], embeds: readonly EmbedNode[], origin: string): void {
  for (const { relation } of order) {
    if (relation === undefined) continue;
    const embed = embeds.find(({ name, target }) => name === relation || target === relation);
    if (!embed) throw badRequest.notEmbedded(relation);
    if (!embed.toOne) throw badRequest.relatedOrder(origin, relation);
  }
}
