import type { Media } from '../parse/media.ts';
import type { Pair } from '../parse/query.ts';
import type { PlanContext } from '../plan/read.ts';
import type { TransactionContext } from '../transaction.ts';

/** A request that is understood as far as its headers go. */
export interface ActionContext extends TransactionContext {
  readonly pairs: readonly Pair[];
  readonly media: Media;
  readonly plan: PlanContext;
  /** Set when the client chose the schema by a profile header; the answer names it then. */
  readonly profileHeader: ReadonlyArray<readonly [string, string]>;
}
