import { readFileSync } from 'node:fs';
import type { JSONWebKeySet } from 'jose';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import { roleOfKind } from '../foundation/crypto/api-keys.ts';
import { legacyRoleOf, makeGateway, type ApiKey, type Gateway } from '../foundation/crypto/gateway.ts';
import { parseForeignKeys, parseKeySet, type KeySet } from '../foundation/crypto/key-set.ts';
import { activeKey, legacySigningKey, publicKeySet, type SigningKey } from '../foundation/crypto/signing-keys.ts';
import { makeTokenSigner, type SignToken } from '../foundation/crypto/token-signer.ts';
import { makeTokenVerifier, TokenError, type VerifyToken } from '../foundation/crypto/tokens.ts';

/** All that the services do with keys, at one moment: ask for it anew with each request. */
export interface DaemonKeys {
  /** Undefined when there is no key to check tokens with. */
  readonly verifyToken: VerifyToken | undefined;
  /** Undefined when there is no key of our own. */
  readonly signToken: SignToken | undefined;
  /** What may be published, at a time in milliseconds. */
  readonly publicKeys: (now: number) => JSONWebKeySet;
  readonly gateway: Gateway;
}

/**
 * The keys of this installation, or of the section jwt.
 *
 * @throws VectabaseError CONFIG_INVALID for a file that cannot be read, and for a secret that can be guessed
 */
export function readKeys(config: RuntimeConfig, now: number): DaemonKeys {
  const file = config.keysFile === undefined ? undefined : readKeyFile(config.keysFile);
  const signing = [...configuredKeys(config, now), ...(file?.signingKeys ?? [])];
  const legacy = signing.filter((key) => key.legacy && key.alg === 'HS256' && key.status !== 'verify-only');
  const acceptsLegacy = file?.legacyApiKeys === 'accepted' && legacy.length > 0;
  const verifyToken = signing.length > 0 ? makeTokenVerifier(signing, config.jwt) : undefined;
  return {
    verifyToken: verifyToken && file?.legacyApiKeys === 'refused' ? withoutLegacy(verifyToken) : verifyToken,
    signToken: activeKey(signing) ? makeTokenSigner(signing) : undefined,
    publicKeys: (at) => publicKeySet(signing, at),
    gateway: makeGateway({
      keys: file || config.apiKeys ? [...(config.apiKeys ?? []), ...opaqueKeys(file)] : undefined,
      verifyLegacy: acceptsLegacy ? makeTokenVerifier(legacy) : undefined,
    }),
  };
}

function opaqueKeys(file: KeySet | undefined): ApiKey[] {
  return (file?.opaqueKeys ?? []).map(({ key, kind, notAfter }) => ({ key, role: roleOfKind(kind), notAfter }));
}

/** A revoked key is a token too, and its signature is still good. */
function withoutLegacy(verify: VerifyToken): VerifyToken {
  return async (token, now) => {
    const claims = await verify(token, now);
    if (legacyRoleOf(claims) !== undefined) throw new TokenError('signature', 'Legacy API keys are disabled');
    return claims;
  };
}

function configuredKeys({ jwt = {} }: RuntimeConfig, now: number): SigningKey[] {
  const text =
    jwt.secret ?? (jwt.secretFile === undefined ? undefined : readText(jwt.secretFile, 'jwt.secretFile').trim());
  if (text !== undefined && Buffer.byteLength(text) < 32) throw invalid('jwt.secret: it is shorter than 32 characters');
  const own = text === undefined ? [] : [legacySigningKey(text, 'active', now, 'configured')];
  if (jwt.jwks === undefined) return own;
  const foreign = parseForeignKeys(readText(jwt.jwks, 'jwt.jwks'), { createdAt: new Date(now).toISOString() });
  if (!foreign) throw invalid('jwt.jwks: the file holds no JSON Web Key Set');
  return [...own, ...foreign];
}

function readKeyFile(file: string): KeySet {
  const keys = parseKeySet(readText(file, 'keysFile'));
  if (!keys) throw invalid(`keysFile: ${file} holds no keys`, 'Start vectabase up again, which writes it anew.');
  return keys;
}

function readText(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid(`${setting}: ${file} cannot be read`, "Name a file that the daemon's user can read.", cause);
  }
}

function invalid(
  message: string,
  hint = 'Correct the section jwt of the configuration.',
  cause?: unknown,
): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', { message, hint, cause });
}
