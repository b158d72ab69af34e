import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandWords } from '../../../src/operator/migrate/render/words.ts';
import { anyText } from '../../support/any-text.ts';

describe('the commands that go on from here', () => {
  test('say no more than they must', () => {
    expect(commandWords({ dir: '.vectabase' })).toEqual({
      resume: 'vectabase migrate --resume',
      abort: 'vectabase migrate abort',
      migrate: 'vectabase migrate',
    });
  });

  test('name the place and the files', () => {
    expect(commandWords({ dir: '/srv/vb', 'source-file': 'source.url', 'target-file': 'my target' })).toEqual({
      resume: `vectabase migrate --resume --source-file source.url --dir /srv/vb --target-file 'my target'`,
      abort: `vectabase migrate abort --dir /srv/vb --target-file 'my target'`,
      migrate: `vectabase migrate --source-file source.url --dir /srv/vb --target-file 'my target'`,
    });
  });

  test('never repeat a connection string', () => {
    const words = commandWords({ dir: '.vectabase', source: 'postgres://postgres:hunter2@db.example.com/postgres' });
    expect(Object.values(words).join('\n')).not.toMatch(/hunter2|example/);
    expect(words.resume).toBe('vectabase migrate --resume --source URL');
  });

  test('a shell reads any path back as it was', () => {
    const path = fc.oneof(
      anyText,
      fc.string({
        unit: fc.constantFrom("'", '"', '\\', '$', '`', '!', '\n', ' ', '*', '~', '#', ';', '&', '-', 'é', 'a'),
        minLength: 1,
      }),
    );
    const usable = path.filter((text) => text !== '' && !text.includes('\0') && text !== '.vectabase');
    // Many in one shell: starting one takes longer than all it reads.
    fc.assert(
      fc.property(fc.array(fc.tuple(usable, usable), { minLength: 40, maxLength: 60 }), (places) => {
        const commands = places.map(([dir, file]) => commandWords({ dir, 'source-file': file }).resume);
        expect(readByShell(commands)).toEqual(
          places.map(([dir, file]) => ['migrate', '--resume', '--source-file', file, '--dir', dir]),
        );
      }),
      { numRuns: 8 },
    );
  });
});

/** The words of each command, as a POSIX shell hands them to the program. */
function readByShell(commands: readonly string[]): string[][] {
  const script = ["vectabase() { printf '%s\\0' \"$@\" ''; }", ...commands].join('\n');
  const words = execFileSync('sh', ['-s'], { input: script, encoding: 'utf8' }).split('\0\0');
  return words.slice(0, -1).map((line) => line.split('\0'));
}
