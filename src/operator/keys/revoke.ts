import { VectabaseError } from '../../foundation/core/errors.ts';
import type { InstallationKeys } from '../../foundation/postgres/installation.ts';
import { startOf } from './show.ts';

/** What `keys revoke` was asked for, found. */
export interface Revocable {
  readonly what: 'api' | 'signing' | 'legacy';
  /** As `keys show` prints it. */
  readonly id: string;
  readonly revoke: (keys: InstallationKeys) => InstallationKeys;
}

/**
 * Finds one key: `legacy` for both legacy API keys, the id of a signing key or its first eight characters, or as much
 * of an API key as `keys show` prints.
 *
 * @throws VectabaseError KEY_NOT_FOUND; KEY_IN_USE for the key that signs
 */
export function findRevocable(keys: InstallationKeys, wanted: string): Revocable {
  if (wanted === 'legacy') {
    return { what: 'legacy', id: wanted, revoke: (all) => ({ ...all, legacyApiKeys: 'refused' }) };
  }
  const text = wanted.replace(/…$/, '');
  const opaque = keys.opaqueKeys.filter(({ key }) => key === text || startOf(key) === text);
  const signing = keys.signingKeys.filter(({ kid }) => kid === text || (text.length >= 8 && kid.startsWith(text)));
  if (opaque.length + signing.length !== 1) throw notFound(wanted, opaque.length + signing.length);
  const [api] = opaque;
  if (api) {
    const without = (all: InstallationKeys) => all.opaqueKeys.filter(({ key }) => key !== api.key);
    return { what: 'api', id: startOf(api.key), revoke: (all) => ({ ...all, opaqueKeys: without(all) }) };
  }
  const [key] = signing;
  if (!key) throw notFound(wanted, 0);
  if (key.status === 'active') throw inUse(key.kid);
  const rest = (all: InstallationKeys) => all.signingKeys.filter(({ kid }) => kid !== key.kid);
  return { what: 'signing', id: key.kid, revoke: (all) => ({ ...all, signingKeys: rest(all) }) };
}

/** @throws VectabaseError KEY_NOT_FOUND for anything but `legacy`: what was revoked otherwise is gone */
export function restoreLegacy(keys: InstallationKeys, wanted: string): InstallationKeys {
  if (wanted !== 'legacy') throw notFound(wanted, 0);
  return { ...keys, legacyApiKeys: 'accepted' };
}

function notFound(wanted: string, found: number): VectabaseError {
  // It may be a whole key that somebody pasted: said back, it would stand in a log.
  const shown = wanted.length > 40 ? 'that' : wanted;
  return new VectabaseError('KEY_NOT_FOUND', {
    message: found === 0 ? `there is no key ${shown}` : `${found} keys begin with ${shown}`,
    hint: 'Run vectabase keys show, and name one of them as it stands there, or legacy.',
  });
}

function inUse(kid: string): VectabaseError {
  return new VectabaseError('KEY_IN_USE', {
    message: `${kid} is the key that signs`,
    hint: 'Run vectabase keys rotate signing --now: another one signs then, and nothing of this one is accepted.',
    details: { kid },
  });
}
