import { readdirSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { asInvoked } from '../../../src/cli/render/invoked.ts';

afterEach(() => vi.unstubAllEnvs());

test('commands are told as this person can type them', () => {
  const text = 'Run vectabase up --dir x, then:\nvectabase migrate --resume\nVectabase and vectabase.yml stay';
  vi.stubEnv('npm_command', undefined);
  expect(asInvoked(text)).toBe(text);
  vi.stubEnv('npm_command', 'exec');
  vi.stubEnv('npm_lifecycle_event', 'npx');
  expect(asInvoked(text)).toBe(
    'Run npx vectabase up --dir x, then:\nnpx vectabase migrate --resume\nVectabase and vectabase.yml stay',
  );
});

test('every command there is, in bold too', () => {
  vi.stubEnv('npm_command', 'exec');
  vi.stubEnv('npm_lifecycle_event', 'npx');
  const names = new Set(readdirSync(assetPath('src/commands')).map((name) => name.replace(/\.ts$/, '')));
  for (const name of names) expect(asInvoked(`vectabase ${name}`)).toBe(`npx vectabase ${name}`);
  expect(asInvoked('\u001B[1mvectabase up\u001B[0m')).toBe('\u001B[1mnpx vectabase up\u001B[0m');
});
