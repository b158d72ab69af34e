import { ERROR_CATALOGUE, type ErrorCode } from './error-catalogue.ts';

/** JSON-safe facts about a failure: ids, counts, names. Never argv, configuration or secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

interface ErrorParts {
  /** What failed and why: lower case, no full stop. */
  message: string;
  /** What to do next: an imperative sentence that holds the command to run. */
  hint?: string;
  details?: ErrorDetails;
  cause?: unknown;
}

/**
 * The one error class. `code` is stable and listed in the catalogue; `exitCode` follows from it.
 * `oclif.exit` mirrors it because oclif reads either field, depending on `--json`.
 */
export class VectabaseError extends Error {
  override readonly name = 'VectabaseError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;
  readonly exitCode: number;
  readonly oclif: { exit: number };

  constructor(code: ErrorCode, parts: ErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = code;
    this.hint = parts.hint;
    this.details = parts.details ?? {};
    this.exitCode = ERROR_CATALOGUE[code].exitCode;
    this.oclif = { exit: this.exitCode };
  }
}

/** The wire shape of an error in `--json` mode; fixed, so that nothing else of the error can leak. */
export interface ErrorJson {
  error: { code: string; message: string; hint: string | null; details: ErrorDetails; exitCode: number };
}

/** Turns anything thrown into the fixed JSON shape. Unknown errors become `BUG` with their message only. */
export function errorToJson(thrown: unknown): ErrorJson {
  const error = asVectabaseError(thrown);
  return {
    error: {
      code: error.code,
      message: error.message,
      hint: error.hint ?? null,
      details: error.details,
      exitCode: error.exitCode,
    },
  };
}

/** Keeps a VectabaseError as it is; anything else is a bug of ours and is labelled as one. */
export function asVectabaseError(thrown: unknown): VectabaseError {
  if (thrown instanceof VectabaseError) return thrown;
  return new VectabaseError('BUG', {
    message: messageOf(thrown),
    hint: 'This is a defect in Vectabase. Run the command again with DEBUG=vectabase and report the stack.',
    cause: thrown,
  });
}

export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') {
    return thrown.errors.map(messageOf).join('; ');
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}
