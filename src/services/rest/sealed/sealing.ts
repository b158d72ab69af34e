import type { SealedColumns } from '../../../foundation/encryption/sealed-columns.ts';
import type { Answers } from '../../../foundation/postgres/wire/wire.ts';
import type { SchemaCache } from '../schema/model.ts';
import { settingsStatement } from '../sql/session.ts';
import type { Statement } from '../transaction.ts';
import { revealAll, StaleKeys } from './reveal.ts';
import { finishValues, MARK, newMark } from './values.ts';

/** Opens the data keys for the transaction. Its value depends on the connection: `withKeys` brings it. */
export const OPEN_KEYS: Statement = settingsStatement([['vectabase.keys', '']]);

export function withKeys(statements: readonly Statement[], sealed: SealedColumns) {
  return (greeting: string): readonly Statement[] =>
    statements.map((each) => (each === OPEN_KEYS ? { ...each, values: [sealed.keysFor(greeting)] } : each));
}

/** What encrypted columns add to one transaction. Without any, nothing. */
export class Sealing {
  readonly statements: readonly Statement[];
  /** The body holds values to decrypt. */
  readonly marked: boolean;
  readonly #mark: string;
  readonly #csv: boolean;
  readonly #sealed: SealedColumns | undefined;

  constructor(statements: readonly Statement[], csv: boolean, sealed: SealedColumns | undefined) {
    this.#csv = csv;
    this.#sealed = sealed;
    this.marked = sealed !== undefined && statements.some(({ values }) => values.includes(MARK));
    this.#mark = this.marked ? newMark() : '';
    this.statements = sealed
      ? statements.map(({ text, values }) => ({ text, values: finishValues(values, this.#mark, sealed) }))
      : statements;
  }

  /** @throws RestError VT004 */
  async reveal(answers: Answers, newer: () => Promise<SchemaCache | undefined>): Promise<Answers> {
    const [cells = [], ...others] = answers.results.at(-1) ?? [];
    const body = cells.at(-1);
    if (!body || !this.#sealed) return answers;
    const revealed = await this.#reveal(body, this.#sealed, newer);
    return { ...answers, results: [...answers.results.slice(0, -1), [[...cells.slice(0, -1), revealed], ...others]] };
  }

  async #reveal(body: Buffer, sealed: SealedColumns, newer: () => Promise<SchemaCache | undefined>): Promise<Buffer> {
    try {
      return revealAll(body, this.#mark, this.#csv, sealed);
    } catch (error) {
      const fresh = error instanceof StaleKeys ? (await newer())?.sealed : undefined;
      if (!fresh) throw error;
      return revealAll(body, this.#mark, this.#csv, fresh);
    }
  }
}
