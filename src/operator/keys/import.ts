import { randomUUID } from 'node:crypto';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { opaqueKindOf, type OpaqueKey } from '../../foundation/crypto/api-keys.ts';
import { parseForeignKeys } from '../../foundation/crypto/key-set.ts';
import { legacySigningKey, type SigningKey } from '../../foundation/crypto/signing-keys.ts';
import type { InstallationKeys } from '../../foundation/postgres/installation.ts';

/** Texts of files, as a hosted project shows them. */
export interface ImportInput {
  /** What `/auth/v1/.well-known/jwks.json` of the project answers. */
  readonly jwks: string | undefined;
  /** Milliseconds that tokens of those keys are accepted. */
  readonly jwksLife: number;
  /** The legacy secret: what anon and service_role keys are signed with. */
  readonly secret: string | undefined;
  /** `sb_…` keys, one a line. */
  readonly apiKeys: string | undefined;
  readonly name: string;
  readonly now: number;
}

export interface Imported {
  /** Key ids that only verify, until when. */
  readonly verifyOnly: Array<{ readonly kid: string; readonly alg: string; readonly notAfter: string }>;
  readonly secret: 'imported' | 'known' | null;
  readonly apiKeys: Array<{ readonly kind: string; readonly name: string }>;
}

/**
 * Adds the keys of a hosted project to those that are there. What is known already is not added again.
 *
 * @throws VectabaseError KEYS_INVALID, quoting nothing of the files
 */
export function importKeys(keys: InstallationKeys, input: ImportInput): { keys: InstallationKeys; value: Imported } {
  const verifyOnly = input.jwks === undefined ? [] : foreignKeys(input.jwks, input);
  const secret = input.secret === undefined ? undefined : secretKey(input.secret, input.now);
  const isKnown = keys.signingKeys.some((key) => key.legacy && key.privateJwk?.k === secret?.privateJwk?.k);
  const opaque = input.apiKeys === undefined ? [] : opaqueKeys(input.apiKeys, input);
  const kids = new Set(verifyOnly.map(({ kid }) => kid));
  const own = keys.signingKeys.find((key) => kids.has(key.kid) && key.status !== 'verify-only');
  if (own) throw invalid(`the JSON Web Key Set holds our own key ${own.kid}`, 'Give the set of the hosted project.');
  const signingKeys = [
    ...keys.signingKeys.filter((key) => !kids.has(key.kid)),
    ...(secret && !isKnown ? [secret] : []),
    ...verifyOnly,
  ];
  const given = new Set(opaque.map(({ key }) => key));
  const merged = [...keys.opaqueKeys.filter(({ key }) => !given.has(key)), ...opaque];
  return {
    keys: { ...keys, signingKeys, opaqueKeys: merged },
    value: {
      verifyOnly: verifyOnly.map(({ kid, alg, notAfter = '' }) => ({ kid, alg, notAfter })),
      secret: secret ? (isKnown ? 'known' : 'imported') : null,
      apiKeys: opaque.map(({ kind, name }) => ({ kind, name })),
    },
  };
}

function foreignKeys(text: string, { now, jwksLife }: ImportInput): SigningKey[] {
  const life = { createdAt: new Date(now).toISOString(), notAfter: new Date(now + jwksLife).toISOString() };
  const keys = parseForeignKeys(text, life);
  if (!keys)
    throw invalid(
      'the file is no JSON Web Key Set',
      'Save what https://REF.supabase.co/auth/v1/.well-known/jwks.json answers.',
    );
  // A set that anybody can fetch holds no secrets. Whoever put one there knows it, and so may others.
  const open = keys.filter(({ alg }) => alg !== 'HS256');
  if (open.length > 0) return open;
  throw invalid(
    'the JSON Web Key Set holds no public key of ES256, RS256 or EdDSA',
    'A project that signs with its legacy secret publishes none: import the secret with --jwt-secret-file.',
  );
}

function secretKey(text: string, now: number): SigningKey {
  const secret = text.trim();
  if (Buffer.byteLength(secret) >= 32) return legacySigningKey(secret, 'previous', now, `jwt-secret-${randomUUID()}`);
  throw invalid(
    'the JWT secret is shorter than 32 characters',
    'Copy it whole: dashboard → Settings → JWT Keys → Legacy JWT secret.',
  );
}

function opaqueKeys(text: string, { name, now }: ImportInput): OpaqueKey[] {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0)
    throw invalid('the file holds no API key', 'Put one sb_publishable_… or sb_secret_… key on each line.');
  return lines.map((key, at) => {
    const kind = opaqueKindOf(key);
    if (kind) return { name, kind, key, createdAt: new Date(now).toISOString() };
    throw invalid(
      `line ${at + 1} of the file is no sb_publishable_… or sb_secret_… key`,
      'Legacy keys (eyJ…) come with their secret: import it with --jwt-secret-file.',
    );
  });
}

function invalid(message: string, hint: string): VectabaseError {
  return new VectabaseError('KEYS_INVALID', { message, hint });
}
