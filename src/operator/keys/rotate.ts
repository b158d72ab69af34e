import { newOpaqueKey, type OpaqueKey, type OpaqueKind } from '../../foundation/crypto/api-keys.ts';
import {
  activeKey,
  newSigningKey,
  type SigningAlgorithm,
  type SigningKey,
} from '../../foundation/crypto/signing-keys.ts';
import type { InstallationKeys } from '../../foundation/postgres/installation.ts';

export interface RotateApiInput {
  readonly kinds: readonly OpaqueKind[];
  readonly name: string;
  /** Milliseconds that the old ones go on; 0 ends them at once. */
  readonly overlap: number;
  readonly now: number;
}

/** New opaque keys of a name beside the old ones, which end after the overlap. */
export function rotateApiKeys(
  keys: InstallationKeys,
  { kinds, name, overlap, now }: RotateApiInput,
): { keys: InstallationKeys; made: OpaqueKey[]; ending: OpaqueKey[] } {
  const until = new Date(now + overlap).toISOString();
  const isOld = (key: OpaqueKey): boolean => key.name === name && kinds.includes(key.kind);
  const current = keys.opaqueKeys.filter((key) => !ended(key, now));
  const ending = current.filter(isOld).map((key) => ({ ...key, notAfter: sooner(key.notAfter, until) }));
  const made = kinds.map((kind) => newOpaqueKey(kind, keys.ref, name, now));
  const opaqueKeys = [...made, ...current.filter((key) => !isOld(key)), ...ending];
  return { keys: { ...keys, opaqueKeys: opaqueKeys.filter((key) => !ended(key, now)) }, made, ending };
}

export interface RotateSigningInput {
  /** Undefined: whatever is in standby. */
  readonly alg: SigningAlgorithm | undefined;
  /** Milliseconds that tokens of the old key are accepted. */
  readonly overlap: number;
  /** Whether the secret of legacy API keys ends too, when it is what signed until now. */
  readonly endLegacy: boolean;
  readonly now: number;
}

export interface RotatedSigning {
  readonly keys: InstallationKeys;
  readonly active: SigningKey;
  readonly previous: SigningKey | undefined;
  /** False when others may not have seen it in the public set yet. */
  readonly announced: boolean;
}

/**
 * The standby key signs from now on, the one before is accepted until the overlap is over, and a new one stands by.
 * A project's secret stays without an end, since its legacy API keys are signed with it.
 */
export async function rotateSigningKey(
  keys: InstallationKeys,
  { alg, overlap, endLegacy, now }: RotateSigningInput,
): Promise<RotatedSigning> {
  const current = keys.signingKeys.filter((key) => !ended(key, now));
  const standby = current.find((key) => key.status === 'standby' && (alg === undefined || key.alg === alg));
  const next = standby ?? (await newSigningKey(alg ?? 'ES256', 'standby', now));
  const old = activeKey(current);
  const retiredAt = new Date(now).toISOString();
  const keeps = old?.legacy === true && !endLegacy;
  const previous: SigningKey | undefined = old && {
    ...old,
    status: 'previous',
    retiredAt,
    ...(keeps ? {} : { notAfter: new Date(now + overlap).toISOString() }),
  };
  const active: SigningKey = { ...next, status: 'active' };
  const others = current.filter((key) => key !== old && key !== next);
  const waiting = others.some(({ status }) => status === 'standby')
    ? []
    : [await newSigningKey(active.alg === 'HS256' ? 'ES256' : active.alg, 'standby', now)];
  const signingKeys = [active, ...waiting, ...(previous ? [previous] : []), ...others];
  return {
    keys: { ...keys, signingKeys: signingKeys.filter((key) => !ended(key, now)) },
    active,
    previous,
    announced: standby !== undefined,
  };
}

function ended({ notAfter }: { readonly notAfter?: string | undefined }, now: number): boolean {
  return notAfter !== undefined && Date.parse(notAfter) <= now;
}

function sooner(one: string | undefined, other: string): string {
  return one !== undefined && one < other ? one : other;
}
