import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openFromAge, openWithPassphrase } from '../../../src/foundation/crypto/age.ts';
import { parseIdentities } from '../../../src/foundation/crypto/age-keys.ts';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { messageOf, VectabaseError } from '../../../src/foundation/core/errors.ts';

/**
 * The published vectors of the format (C2SP CCTV). Each is a header (`expect: …`, keys, hash of the payload), an empty
 * line, and a file that must open to that payload or must not open at all.
 */
interface Vector {
  readonly name: string;
  readonly header: ReadonlyMap<string, readonly string[]>;
  readonly file: Buffer;
}

const vectors = readFileSync(assetPath('test/fixtures/age-vectors.txt'), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line): Vector => {
    const [name = '', data = ''] = line.split(' ');
    const bytes = Buffer.from(data, 'base64');
    const end = bytes.indexOf('\n\n');
    const header = new Map<string, string[]>();
    for (const each of bytes.subarray(0, end).toString('latin1').split('\n')) {
      const [, key = '', value = ''] = /^([^:]+): (.*)$/.exec(each) ?? [];
      header.set(key, [...(header.get(key) ?? []), value]);
    }
    const rest = bytes.subarray(end + 2);
    return { name, header, file: header.get('compressed')?.[0] === 'zlib' ? inflateSync(rest) : rest };
  });

async function open({ header, file }: Vector): Promise<Buffer> {
  const passphrase = header.get('passphrase')?.[0];
  if (passphrase !== undefined) return openWithPassphrase(file, passphrase, 'vector');
  const identities = (await parseIdentities((header.get('identity') ?? []).join('\n'))) ?? [];
  return openFromAge(file, identities, 'vector');
}

test('they are all there', () => {
  expect(vectors.length).toBeGreaterThan(100);
});

describe.each([
  ['must open', vectors.filter(({ header }) => header.get('expect')?.[0] === 'success')],
  ['must not open', vectors.filter(({ header }) => header.get('expect')?.[0] !== 'success')],
])('%s', (_, group) => {
  test.each(group.map((vector) => [vector.name, vector] as const))('%s', async (_name, vector) => {
    const { header } = vector;
    const outcome = await open(vector).then(
      (payload) => createHash('sha256').update(payload).digest('hex'),
      (error: unknown) => (error instanceof VectabaseError ? error.code : `a bug: ${messageOf(error)}`),
    );
    const right =
      header.get('expect')?.[0] === 'success' ? header.get('payload') : ['SECRETS_KEY_WRONG', 'SECRETS_FILE_INVALID'];
    expect(right).toContain(outcome);
  });
});
