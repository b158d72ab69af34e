import type { Head } from '../head.ts';
import type { TransactionContext } from '../transaction.ts';

/** A request that is understood as far as its head goes. */
export interface ActionContext extends Head, TransactionContext {
  /** What stood where the head has marks. */
  readonly values: readonly string[];
}
