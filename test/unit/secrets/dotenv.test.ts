import { spawnSync } from 'node:child_process';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VectabaseError } from '../../../src/foundation/core/errors.ts';
import { parseDotenv, printDotenv } from '../../../src/operator/secrets/dotenv.ts';
import { anyText } from '../../support/any-text.ts';

const TRICKY = [
  'a',
  "'",
  '"',
  '`',
  '\\',
  '$',
  '#',
  '=',
  ' ',
  '\n',
  '\r',
  '\t',
  '{',
  '!',
  ';',
  '&',
  '~',
  'é',
  '—',
  '😀',
  'n',
];
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/);
/** Any text, and more often than chance the letters that mean something to a reader of such files. */
const value = fc
  .oneof(anyText, fc.string({ unit: fc.constantFrom(...TRICKY), maxLength: 24 }))
  .map((text) => text.replaceAll('\0', ''));

const valuesOf = (text: string): Array<[string, string]> =>
  parseDotenv(text, 'file').items.flatMap((item) => (item.kind === 'secret' ? [[item.name, item.value]] : []));
const print = (entries: ReadonlyArray<readonly [string, string]>): string =>
  printDotenv(entries.map(([each, text]) => ({ kind: 'secret', name: each, value: text })));

describe('what is printed', () => {
  test('is read back as it was, whatever the text', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 6 }), (entries) => {
        expect(valuesOf(print(entries))).toEqual(entries);
      }),
      { numRuns: 2000 },
    );
  });

  test('is read back when an editor made its line ends those of Windows', () => {
    fc.assert(
      fc.property(name, value, (key, text) => {
        const plain = text.replaceAll('\r', '');
        expect(valuesOf(print([[key, plain]]).replaceAll('\n', '\r\n'))).toEqual([[key, plain]]);
      }),
    );
  });

  test('means the same to a shell', () => {
    const samples = fc.sample(value, { numRuns: 150, seed: 7 }).filter((text) => !text.includes('\r'));
    const entries = samples.map((text, index): [string, string] => [`V${index}`, text]);
    const script = `${print(entries)}${entries.map(([key]) => `printf '%s\\0' "$${key}"`).join('\n')}`;
    const { stdout, status } = spawnSync('sh', ['-s'], { input: script, env: { LC_ALL: 'C.UTF-8' } });
    expect(status).toBe(0);
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(samples);
  });

  test('brings comments and empty lines back', () => {
    const text = '# mine\n\nA=1\n  # indented\nB=2\n';
    expect(printDotenv(parseDotenv(text, 'file').items)).toBe(text);
  });
});

test("Node's own reader could not do this: why there is one of ours", () => {
  for (const text of [`'"\``, 'a\rb', '\\n', `it's \\"x\\" #1`])
    expect(valuesOf(print([['A', text]]))).toEqual([['A', text]]);
  expect(parseEnv('A=sk#live').A).toBe('sk');
  expect(parseEnv(print([['A', `it's "5"`]])).A).not.toBe(`it's "5"`);
});

describe('files of others', () => {
  test.each([
    ['plain', 'A=b', 'b'],
    ['export', 'export A=b', 'b'],
    ['spaces around', '  A = b c \t', 'b c'],
    ['mark of Windows editors', '\uFEFFA=b\r\n', 'b'],
    ['comment behind', 'A=b # no', 'b'],
    ['comment alone', 'A= # no', ''],
    ['# inside', 'A=sk#live', 'sk#live'],
    ['empty', 'A=', ''],
    ['empty, quoted', "A=''", ''],
    ['apostrophe inside', "A=it's", "it's"],
    ['Windows path', String.raw`A=C:\new\temp`, String.raw`C:\new\temp`],
    ['JSON', `A='{"k":"v\\n"}'`, '{"k":"v\\n"}'],
    ['single quotes are literal', String.raw`A='a\nb$C'`, String.raw`a\nb$C`],
    ['apostrophe as a shell writes it', String.raw`A='it'\''s'`, "it's"],
    ['double quotes', String.raw`A="a\nb\t\"c\" \$D \\n"`, 'a\nb\t"c" $D \\n'],
    ['unknown escapes stay', String.raw`A="\d+\."`, String.raw`\d+\.`],
    ['backticks', 'A=`a "b" \'c\'`', `a "b" 'c'`],
    ['several lines', 'A="-----BEGIN-----\r\nabc\r\n-----END-----"', '-----BEGIN-----\nabc\n-----END-----'],
    ['comment behind quotes', `A="b" # no`, 'b'],
    ['= inside', 'A=b==', 'b=='],
    ['the later of two', 'A=1\nA=2', '2'],
    ['spaces that are none of ASCII stay', 'A=\u00a0b', '\u00a0b'],
  ])('%s', (_, text, expected) => {
    expect(valuesOf(text).at(-1)).toEqual(['A', expected]);
  });

  test.each([
    ['no assignment', 'A=1\nsecret-value-here', /line 2 is no NAME=value/],
    ['a name that is none', '1A=x', /line 1 is no/],
    ['an open quote', 'A=1\n\nB="abc\nC=2', /line 3 opens a quote/],
    ['text behind a quote', `A='b'c`, /line 1 goes on/],
    ['a line after one of several', `A='x\ny'\nnope`, /line 3 is no/],
  ])('refuses %s by line, never by text', (_, text, message) => {
    expect(() => parseDotenv(text, 'file')).toThrow(message);
    expect(() => parseDotenv(text, 'file')).not.toThrow(/secret-value/);
  });

  test.each(["'", '"', '`', `'a'\\''`, '"\\"'])('an open %s before much text is told at once', (quote) => {
    expect(() => parseDotenv(`A=${quote}${'x'.repeat(200_000)}`, 'file')).toThrow(/line 1 (opens a|goes on)/);
  });

  test('any text is read, or refused in our words', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          value,
          fc.array(value).map((lines) => lines.map((line) => `A=${line}`).join('\n')),
        ),
        (text) => {
          try {
            const { items } = parseDotenv(text, 'file');
            expect(valuesOf(printDotenv(items)).map(([key]) => key)).toEqual(valuesOf(text).map(([key]) => key));
          } catch (error) {
            if (!(error instanceof VectabaseError)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('notes what other readers would read otherwise', () => {
    const { notes } = parseDotenv(`A=x#y\nB="$HOME/x"\nC='$HOME'\nD="\\$5"\nA=2\nE=\${F}`, 'file');
    expect(notes).toEqual([
      { name: 'A', line: 1, what: 'hash' },
      { name: 'B', line: 2, what: 'dollar' },
      { name: 'A', line: 5, what: 'duplicate' },
      { name: 'E', line: 6, what: 'dollar' },
    ]);
  });
});
