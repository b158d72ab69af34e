import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBody } from '../../../src/services/auth/body.ts';
import { errorResponse } from '../../../src/services/auth/error-response.ts';
import { AuthError, OAuthError } from '../../../src/services/auth/errors.ts';
import { parseDuration } from '../../../src/services/auth/go-duration.ts';
import { readEmail, readPhone } from '../../../src/services/auth/identifiers.ts';

describe('durations of Go', () => {
  test.each([
    ['24h', 86_400_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['300ms', 300],
    ['2h45m10s', 9_910_000],
    ['-5m', -300_000],
    ['0', 0],
    ['.5s', 500],
  ])('%s', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

  test.each(['', '24', 'h', '1d', '1 h', '1h ', 'none', '1h30', '1e3s'])('not %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});

describe('addresses', () => {
  test.each([
    ['Ann@Example.COM', 'ann@example.com'],
    [' ann+shop@mail.example.com ', 'ann+shop@mail.example.com'],
    ["o'hara@example.ie", "o'hara@example.ie"],
    ['jörg@bücher.example', 'jörg@bücher.example'],
    ['ann@localhost', 'ann@localhost'],
  ])('%s', (given, email) => expect(readEmail(given)).toBe(email));

  test.each([
    '',
    'ann',
    '@example.com',
    'ann@',
    'ann@@example.com',
    'ann@example..com',
    'ann@-example.com',
    'a b@example.com',
    'ann@example.com,bo@example.com',
    'ann@example.com\nBcc: x@example.com',
    'Ann <ann@example.com>',
    'ann@exa mple.com',
    `${'a'.repeat(65)}@example.com`,
    `ann@${'a'.repeat(255)}.com`,
    'ann@[127.0.0.1]',
    'ann\u0000@example.com',
  ])('not %j', (given) => expect(() => readEmail(given)).toThrow('invalid format'));

  test('whatever is taken has no capitals, blanks or line ends, and reads the same again', () => {
    const local = fc.string({ minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(local, local, (name, host) => {
        let email: string;
        try {
          email = readEmail(`${name}@${host}.com`);
        } catch {
          return;
        }
        expect(email).not.toMatch(/[\s\p{Cc}A-Z,<>]/u);
        expect(readEmail(email)).toBe(email);
      }),
    );
  });

  test('phone numbers', () => {
    expect(readPhone('+49 170 1234567')).toBe('491701234567');
    for (const given of ['', '0170', '12345678901234567', 'call me']) expect(() => readPhone(given)).toThrow('E.164');
  });
});

describe('bodies', () => {
  const outcomeOf = (text: string): unknown => {
    try {
      return parseBody(Buffer.from(text));
    } catch (error) {
      return error instanceof AuthError ? error.code : error;
    }
  };
  const wanted = (text: string): unknown => {
    try {
      const value: unknown = text === '' ? null : JSON.parse(text);
      const plain = typeof value === 'object' && !Array.isArray(value);
      return plain && !/\\u0000|\\ud[89a-f]/i.test(text) ? (value ?? {}) : 'bad_json';
    } catch {
      return 'bad_json';
    }
  };

  test('any JSON object is read as JSON.parse reads it, anything else is refused, nothing throws otherwise', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(outcomeOf(text)).toEqual(wanted(text));
      }),
    );
  });

  test('__proto__ is a name like others', () => {
    const body = parseBody(Buffer.from('{"__proto__":{"admin":true}}'));
    expect((body as { admin?: boolean }).admin).toBeUndefined();
  });

  test('bytes that are no UTF-8', () => {
    expect(() => parseBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow('Could not parse');
  });
});

describe('errors on the wire', () => {
  const request = (version?: string) => ({
    id: 'request-1',
    headers: version === undefined ? {} : { 'x-supabase-api-version': version },
  });
  const body = (error: AuthError | OAuthError, version?: string): unknown =>
    JSON.parse(errorResponse(error, request(version)).body);

  test('both shapes, and the id of a request that failed on our side', () => {
    const error = new AuthError('over_request_rate_limit', 'slow down');
    expect(body(error)).toEqual({ code: 429, error_code: 'over_request_rate_limit', msg: 'slow down' });
    expect(body(error, '2024-01-01')).toEqual({ code: 'over_request_rate_limit', message: 'slow down' });
    expect(body(error, '2030-01-01')).toEqual({ code: 'over_request_rate_limit', message: 'slow down' });
    expect(body(error, '2023-12-31')).toMatchObject({ code: 429 });
    expect(body(new AuthError('unexpected_failure', 'ouch'))).toMatchObject({ code: 500, error_id: 'request-1' });
  });

  test('reasons of a weak password in both, OAuth in its own', () => {
    const weak = new AuthError('weak_password', 'too short', { reasons: ['length'] });
    expect(body(weak)).toMatchObject({ code: 422, weak_password: { reasons: ['length'] } });
    expect(body(weak, '2024-01-01')).toMatchObject({ code: 'weak_password', weak_password: { reasons: ['length'] } });
    expect(body(new OAuthError('invalid_request', 'say more'), '2024-01-01')).toEqual({
      error: 'invalid_request',
      error_description: 'say more',
    });
  });
});
