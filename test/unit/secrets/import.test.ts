import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import {
  importHosted,
  shippedNames,
  stillMissing,
  type Question,
} from '../../../src/operator/secrets/import-hosted.ts';
import { parseImport } from '../../../src/operator/secrets/import-formats.ts';
import { importValues } from '../../../src/operator/secrets/import.ts';
import { decodeText, decodeValue } from '../../../src/operator/secrets/text.ts';
import { getSecret, setSecret } from '../../../src/operator/secrets/values.ts';
import { canary } from '../../support/canary.ts';
import { openTestStore } from '../../support/secrets.ts';

const digest = (value: string): string => createHash('sha256').update(value).digest('hex');
const valuesOf = (text: string): Record<string, string> => {
  const incoming = parseImport(text, 'file', undefined);
  return incoming.kind === 'values' ? Object.fromEntries(incoming.values) : {};
};

describe('the kind of a file is told by its text', () => {
  test.each([
    ['dotenv', "# a\nA=1\nexport B='x y'\n", { A: '1', B: 'x y' }],
    ['a JSON object', '{"A": "1", "B": "x y", "N": 5, "T": true}', { A: '1', B: 'x y', N: '5', T: 'true' }],
    ['a JSON list', '[{"name":"A","value":"1"},{"name":"B","value":"x y"}]', { A: '1', B: 'x y' }],
  ])('%s', (_, text, values) => {
    expect(valuesOf(text)).toEqual(values);
  });

  test('names of a hosted project: with digests, or bare', () => {
    const list = JSON.stringify([
      { name: 'A', value: digest('1'), updated_at: '2026-01-01' },
      { name: 'B', value: digest('2') },
    ]);
    expect(parseImport(list, 'file', undefined)).toEqual({
      kind: 'names',
      names: [
        { name: 'A', digest: digest('1') },
        { name: 'B', digest: digest('2') },
      ],
    });
    const bare = parseImport('# ours\nSTRIPE_SECRET_KEY\nSITE_URL\n', 'file', undefined);
    expect(bare).toEqual({
      kind: 'names',
      names: [
        { name: 'STRIPE_SECRET_KEY', digest: undefined },
        { name: 'SITE_URL', digest: undefined },
      ],
    });
  });

  test.each(['{"A": {"b": 1}}', '{"A": null}', '[1]', '[{"value":"x"}]', '{"A": ', '"text"', 'A=1\n"oops'])(
    '%s is refused',
    (text) => {
      expect(() => parseImport(text, 'file', undefined)).toThrow(VectabaseError);
    },
  );

  test('no error quotes what it was given', () => {
    const said: string[] = [];
    const secret = canary();
    const texts = [
      `{"A": "${secret}`,
      `[{"name":"A","value":{"x":"${secret}"}}]`,
      `A=1\n${secret}`,
      `A="${secret}`,
      `{"${secret}!": {}}`,
    ];
    for (const text of texts) {
      for (const format of [undefined, 'json', 'names', 'dotenv'] as const) {
        try {
          parseImport(text, 'file', format);
        } catch (error) {
          said.push(`${String(error)} ${JSON.stringify(error)}`);
        }
      }
    }
    expect(said.length).toBeGreaterThan(10);
    expect(said.join('\n')).not.toContain(secret);
  });

  test('bytes: UTF-8 with its mark, UTF-16 of Windows, and nothing that is no text', () => {
    expect(decodeText(Buffer.from('\uFEFFA=é'), 'f')).toBe('A=é');
    expect(decodeText(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('A=é', 'utf16le')]), 'f')).toBe('A=é');
    expect(() => decodeText(Buffer.from([0x41, 0xff]), 'f')).toThrow(/no UTF-8/);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '\n', '\r\n'), (text, end) => {
        fc.pre(!text.startsWith('\uFEFF') && !/\r?\n$/.test(text) && !text.endsWith('\r'));
        expect(decodeValue(Buffer.from(text + end), 'f', false)).toBe(text);
        expect(decodeValue(Buffer.from(text + end), 'f', true)).toBe(text + end);
      }),
    );
  });
});

test('values go in with one write; what is here stays unless told; the platform’s own names stay out', async () => {
  const store = await openTestStore();
  await setSecret(store, 'SAME', '1');
  await setSecret(store, 'OTHER', 'mine');
  const values = new Map([
    ['SAME', '1'],
    ['OTHER', 'theirs'],
    ['NEW', '2'],
    ['SUPABASE_URL', 'x'],
    ['EMPTY', ''],
    ['bad name', 'x'],
  ]);
  const options = { overwrite: false, dryRun: true, from: 'file' };
  const expected = {
    added: ['NEW'],
    replaced: [],
    equal: ['SAME'],
    kept: ['OTHER'],
    skipped: ['SUPABASE_URL', 'EMPTY', 'bad name'],
  };
  expect(await importValues(store, values, options)).toMatchObject(expected);
  await expect(getSecret(store, 'NEW')).rejects.toMatchObject({ code: 'SECRET_MISSING' });
  expect(await importValues(store, values, { ...options, dryRun: false })).toMatchObject(expected);
  expect([await getSecret(store, 'NEW'), await getSecret(store, 'OTHER')]).toEqual(['2', 'mine']);
  expect(await importValues(store, values, { ...options, dryRun: false, overwrite: true })).toMatchObject({
    replaced: ['OTHER'],
  });
  expect(await getSecret(store, 'OTHER')).toBe('theirs');
  const bad = new Map([
    ['FINE', '1'],
    ['BAD', 'a\0'],
  ]);
  await expect(importValues(store, bad, { ...options, dryRun: false })).rejects.toMatchObject({
    code: 'SECRET_INVALID',
  });
  await expect(getSecret(store, 'FINE')).rejects.toMatchObject({ code: 'SECRET_MISSING' });
});

describe('secrets of hosted functions', () => {
  test('are asked for one by one, compared with their digests, and kept at once', async () => {
    const store = await openTestStore();
    await setSecret(store, 'HERE', 'same');
    await setSecret(store, 'STALE', 'old');
    const names = [
      ...['HERE', 'STALE', 'TYPED', 'MISTYPED', 'LEFT'].map((name) => ({
        name,
        digest: digest(name === 'HERE' ? 'same' : `value of ${name}`),
      })),
      { name: 'UNKNOWN', digest: undefined },
      { name: 'SUPABASE_URL', digest: digest('x') },
    ];
    const asked: Question[] = [];
    const answers: Record<string, Array<string | undefined>> = {
      MISTYPED: ['oops', 'value of MISTYPED'],
      LEFT: [undefined],
      UNKNOWN: ['any'],
    };
    const result = await importHosted(store, names, async (question) => {
      asked.push(question);
      const given = answers[question.name];
      return given === undefined ? `value of ${question.name}` : given.shift();
    });
    expect(result).toMatchObject({
      set: ['STALE', 'TYPED', 'MISTYPED', 'UNKNOWN'],
      present: ['HERE'],
      missing: ['LEFT'],
    });
    expect(result.proved.toSorted()).toEqual(['HERE', 'MISTYPED', 'STALE', 'TYPED']);
    expect(asked.map(({ name, differs }) => `${name}${differs ? ' again' : ''}`)).toEqual([
      'STALE',
      'TYPED',
      'MISTYPED',
      'MISTYPED again',
      'LEFT',
      'UNKNOWN',
    ]);
    expect(await getSecret(store, 'STALE')).toBe('value of STALE');
    expect(stillMissing(result)).toMatchObject({
      code: 'SECRETS_FINDINGS',
      exitCode: 6,
      details: { missing: ['LEFT'] },
    });
  });

  test('an interrupt half-way keeps what was typed', async () => {
    const store = await openTestStore();
    const names = [
      { name: 'A', digest: undefined },
      { name: 'B', digest: undefined },
    ];
    const interrupted = importHosted(store, names, async ({ name }) => {
      if (name === 'B') throw new VectabaseError('CANCELLED', { message: 'cancelled' });
      return 'typed';
    });
    await expect(interrupted).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await getSecret(store, 'A')).toBe('typed');
  });

  test('with nobody to ask, the names are told', async () => {
    const result = await importHosted(await openTestStore(), shippedNames(), undefined);
    expect(result.missing).toEqual(expect.arrayContaining(['STRIPE_SECRET_KEY', 'RESEND_API_KEY', 'SITE_URL']));
    expect(result.missing).not.toContain('SUPABASE_URL');
  });
});
