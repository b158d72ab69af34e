import { afterEach, expect, test, vi } from 'vitest';
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
