import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERROR_CATALOGUE, type ErrorCode } from '../../../src/foundation/core/error-catalogue.ts';
import { asVectabaseError, errorToJson, messageOf, VectabaseError } from '../../../src/foundation/core/errors.ts';

const CODES = Object.keys(ERROR_CATALOGUE) as ErrorCode[];

describe('the catalogue', () => {
  test.each(CODES)('%s is written for a person and has an exit code', (code) => {
    const { doc, exitCode } = ERROR_CATALOGUE[code];
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(doc).toMatch(/^[A-Z`].*[.]$/s);
    expect(exitCode).toBeGreaterThan(0);
  });
});

describe('VectabaseError', () => {
  test('ends with the same exit code whichever field oclif reads', () => {
    for (const code of CODES) {
      const error = new VectabaseError(code, { message: 'x' });
      expect([error.exitCode, error.oclif.exit]).toEqual(Array(2).fill(ERROR_CATALOGUE[code].exitCode));
    }
  });

  test('as JSON is one fixed shape, whatever else hangs on the error', () => {
    const arbitrary = fc.record({
      code: fc.constantFrom(...CODES),
      message: fc.string(),
      hint: fc.option(fc.string(), { nil: undefined }),
      extra: fc.dictionary(fc.string(), fc.string()),
    });
    fc.assert(
      fc.property(arbitrary, ({ code, message, hint, extra }) => {
        const error = new VectabaseError(code, { message, ...(hint === undefined ? {} : { hint }), cause: 'secret' });
        Object.defineProperty(error, 'config', { value: extra, enumerable: true });
        expect(errorToJson(error)).toEqual({
          error: { code, message, hint: hint ?? null, details: {}, exitCode: ERROR_CATALOGUE[code].exitCode },
        });
      }),
    );
  });

  test('anything else that is thrown is a bug, with its message and cause', () => {
    const cause = new TypeError('x is not a function');
    const error = asVectabaseError(cause);
    expect(error).toMatchObject({ code: 'BUG', exitCode: 1, message: 'x is not a function', cause });
    expect(asVectabaseError('text')).toMatchObject({ code: 'BUG', message: 'text' });
    expect(asVectabaseError(error)).toBe(error);
  });

  test('several errors at once without words of their own are joined', () => {
    expect(messageOf(new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')]))).toBe(
      '::1 refused; 127.0.0.1 refused',
    );
  });
});
