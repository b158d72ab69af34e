/** One step into a JSON value. */
export interface JsonStep {
  /** True for `->>`: the last step gives text. */
  readonly asText: boolean;
  readonly key: string | number;
}

export interface FieldRef {
  readonly name: string;
  readonly path: readonly JsonStep[];
}

export type AggregateName = 'sum' | 'avg' | 'count' | 'max' | 'min';

export interface SelectedField {
  readonly kind: 'field';
  /** Undefined for `count()` alone. */
  readonly field: FieldRef | undefined;
  readonly alias: string | undefined;
  readonly cast: string | undefined;
  readonly aggregate: AggregateName | undefined;
  readonly aggregateCast: string | undefined;
}
export interface SelectedEmbed {
  readonly kind: 'embed';
  readonly target: string;
  readonly alias: string | undefined;
  readonly hint: string | undefined;
  readonly inner: boolean;
  readonly spread: boolean;
  readonly select: readonly SelectItem[];
}
export type SelectItem = { readonly kind: 'star' } | SelectedField | SelectedEmbed;

export type IsValue = 'null' | 'not_null' | 'true' | 'false' | 'unknown';
export type Test =
  | {
      readonly kind: 'compare';
      readonly operator: string;
      readonly quantifier: 'any' | 'all' | undefined;
      readonly value: string;
    }
  | { readonly kind: 'in'; readonly values: readonly string[] }
  | { readonly kind: 'is'; readonly value: IsValue }
  | {
      readonly kind: 'search';
      readonly operator: string;
      readonly language: string | undefined;
      readonly value: string;
    };

export interface Condition {
  readonly kind: 'condition';
  readonly negated: boolean;
  readonly field: FieldRef;
  readonly test: Test;
}
export interface LogicTree {
  readonly kind: 'tree';
  readonly negated: boolean;
  readonly operator: 'and' | 'or';
  readonly children: readonly Logic[];
}
export type Logic = Condition | LogicTree;

export interface OrderTerm {
  readonly field: FieldRef;
  /** An embedded to-one relation whose column orders. */
  readonly relation: string | undefined;
  readonly direction: 'asc' | 'desc' | undefined;
  readonly nulls: 'first' | 'last' | undefined;
}

/** A parameter that applies to the embed at `path`; the empty path is the relation itself. */
export interface At<T> {
  readonly path: readonly string[];
  readonly value: T;
}
