import { readFileSync } from 'node:fs';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import type { TokenKeys } from '../foundation/crypto/tokens.ts';

export interface DaemonKeys {
  readonly tokens: TokenKeys;
  /** Role of each API key; undefined when no keys were generated for this installation. */
  readonly apiKeys: ReadonlyMap<string, string> | undefined;
}

/**
 * The keys that tokens are checked with.
 *
 * @throws VectabaseError CONFIG_INVALID for a file that cannot be read
 */
export function readTokenKeys({ jwt = {}, apiKeys }: RuntimeConfig): DaemonKeys {
  const fromFile = jwt.secretFile === undefined ? undefined : readText(jwt.secretFile, 'jwt.secretFile').trim();
  const jwks = jwt.jwks === undefined ? undefined : parseKeySet(readText(jwt.jwks, 'jwt.jwks'));
  return {
    tokens: { secret: jwt.secret ?? fromFile, jwks, audience: jwt.audience },
    apiKeys: apiKeys && new Map(apiKeys.map(({ key, role }) => [key, role])),
  };
}

function readText(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid(`${setting}: ${file} cannot be read`, cause);
  }
}

function parseKeySet(text: string): NonNullable<TokenKeys['jwks']> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // a parser's message would quote the file
  }
  if (typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)) {
    return { keys: value.keys as NonNullable<TokenKeys['jwks']>['keys'] };
  }
  throw invalid('jwt.jwks: the file holds no JSON Web Key Set');
}

function invalid(message: string, cause?: unknown): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', {
    message,
    hint: 'Correct the section jwt of the configuration.',
    cause,
  });
}
