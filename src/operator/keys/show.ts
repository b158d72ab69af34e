import { roleOfKind } from '../../foundation/crypto/api-keys.ts';
import {
  legacySecretOf,
  verifies,
  type SigningAlgorithm,
  type SigningKey,
  type SigningStatus,
} from '../../foundation/crypto/signing-keys.ts';
import type { InstallationKeys } from '../../foundation/postgres/installation.ts';

export interface ShownApiKey {
  readonly kind: 'publishable' | 'secret' | 'legacy';
  readonly name: string;
  readonly role: string;
  readonly createdAt: string | null;
  /** From then on it is refused. */
  readonly notAfter: string | null;
  readonly accepted: boolean;
  /** Enough of it to know it by; whole where it was asked for. */
  readonly key: string;
}

export interface ShownSigningKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly status: SigningStatus;
  readonly createdAt: string;
  readonly retiredAt: string | null;
  readonly notAfter: string | null;
  readonly accepted: boolean;
  /** The secret that legacy API keys are signed with, or one that was imported. */
  readonly legacy: boolean;
}

export interface ShownKeys {
  readonly apiKeys: ShownApiKey[];
  readonly signingKeys: ShownSigningKey[];
  /** Only where secrets were asked for. */
  readonly jwtSecret?: string;
}

export interface Reveal {
  readonly publishable: boolean;
  readonly secret: boolean;
}

/** Everything about the keys but, unless asked for, the keys. Private parts of key pairs are never shown. */
export function describeKeys(keys: InstallationKeys, reveal: Reveal, now: number): ShownKeys {
  const isPast = (notAfter: string | undefined): boolean => notAfter !== undefined && Date.parse(notAfter) <= now;
  const opaque = keys.opaqueKeys.map(({ kind, name, key, createdAt, notAfter }): ShownApiKey => {
    const whole = kind === 'secret' ? reveal.secret : reveal.publishable;
    const life = { createdAt, notAfter: notAfter ?? null, accepted: !isPast(notAfter) };
    return { kind, name, role: roleOfKind(kind), ...life, key: whole ? key : `${startOf(key)}…` };
  });
  const signs = (key: SigningKey): boolean => key.legacy === true && legacySecretOf(key) === keys.jwtSecret;
  const signed = keys.signingKeys.some((key) => signs(key) && verifies(key, now));
  const accepted = signed && keys.legacyApiKeys === 'accepted';
  const legacy = (
    [
      ['anon', keys.anonKey, reveal.publishable],
      ['service_role', keys.serviceRoleKey, reveal.secret],
    ] as const
  ).map(([role, key, whole]): ShownApiKey => {
    // All of them begin alike.
    const seen = whole ? key : `${key.slice(0, 3)}…${key.slice(-5)}`;
    return { kind: 'legacy', name: role, role, createdAt: null, notAfter: null, accepted, key: seen };
  });
  const signingKeys = keys.signingKeys.map((key): ShownSigningKey => {
    const { kid, alg, status, createdAt, retiredAt, notAfter } = key;
    const life = { createdAt, retiredAt: retiredAt ?? null, notAfter: notAfter ?? null, accepted: verifies(key, now) };
    return { kid, alg, status, ...life, legacy: key.legacy === true };
  });
  return { apiKeys: [...opaque, ...legacy], signingKeys, ...(reveal.secret ? { jwtSecret: keys.jwtSecret } : {}) };
}

/** `sb_secret_8I4Se`: five of 22 random characters. */
export function startOf(key: string): string {
  const prefix = /^sb_[a-z]+_/.exec(key)?.[0] ?? '';
  return key.slice(0, prefix.length + 5);
}
