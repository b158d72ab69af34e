import { readFileSync } from 'node:fs';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import type { TokenKeys } from '../foundation/crypto/tokens.ts';
import { readJson, type InstallationKeys } from '../foundation/postgres/installation.ts';

export interface DaemonKeys {
  readonly tokens: TokenKeys;
  /** Role of each API key; undefined when no keys were generated for this installation. */
  readonly apiKeys: ReadonlyMap<string, string> | undefined;
}

/**
 * The keys that tokens are checked with: those of the configuration, else those of the installation.
 *
 * @throws VectabaseError CONFIG_INVALID for a file that cannot be read; PRECONDITION_FAILED for a broken keys.json
 */
export async function readTokenKeys({ jwt = {}, keysFile }: RuntimeConfig): Promise<DaemonKeys> {
  const keys = keysFile === undefined ? undefined : await readJson<InstallationKeys>(keysFile);
  const fromFile = jwt.secretFile === undefined ? undefined : readText(jwt.secretFile, 'jwt.secretFile').trim();
  const secret = jwt.secret ?? fromFile ?? keys?.jwtSecret;
  const jwks = jwt.jwks === undefined ? undefined : parseKeySet(readText(jwt.jwks, 'jwt.jwks'));
  return {
    tokens: { secret, jwks, audience: jwt.audience },
    apiKeys:
      keys &&
      new Map([
        [keys.anonKey, 'anon'],
        [keys.serviceRoleKey, 'service_role'],
      ]),
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
