import type { Lru } from '../lru.ts';
import type { Media } from '../parse/media.ts';
import type { Pair } from '../parse/query.ts';
import type { PlanContext } from '../plan/read.ts';
import type { QualifiedName } from '../schema/model.ts';
import type { TransactionContext } from '../transaction.ts';
import type { CompiledRead } from './read.ts';

/** A request that is understood as far as its headers go. */
export interface ActionContext extends TransactionContext {
  readonly pairs: readonly Pair[];
  /** What is answered about a relation or a function. */
  readonly mediaOf: (target: QualifiedName) => Media;
  readonly media: Media;
  readonly plan: PlanContext;
  /** Reads that were compiled before. */
  readonly compiled: Lru<CompiledRead>;
  /** Set when the client chose the schema by a profile header; the answer names it then. */
  readonly profileHeader: ReadonlyArray<readonly [string, string]>;
}
