import { VectabaseError } from '../core/errors.ts';

const KEY = /^[A-Za-z0-9_=-][A-Za-z0-9._=-]*(\/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*$/;

/** Refuses what no object of ours is called: `../../etc/passwd` in a catalogue that somebody else wrote. */
export function assertKey(key: string): void {
  if (!KEY.test(key)) throw new Error(`${JSON.stringify(key)} cannot be the name of an object`);
}

export function objectExists(url: string, key: string, cause?: unknown): VectabaseError {
  return new VectabaseError('OBJECT_EXISTS', {
    message: `${url} holds an object ${key} already, and objects are never written over`,
    hint: 'Run vectabase backup verify to learn which of both is the one that was catalogued.',
    details: { store: url, key },
    cause,
  });
}

export function objectMissing(url: string, key: string, cause?: unknown): VectabaseError {
  return new VectabaseError('OBJECT_MISSING', {
    message: `${url} holds no object ${key}`,
    hint: 'Use another store or an earlier backup: vectabase backup list shows which there are.',
    details: { store: url, key },
    cause,
  });
}

/** @param reason what the other side or the system said, without credentials */
export function storeUnreachable(url: string, reason: string, cause?: unknown): VectabaseError {
  return new VectabaseError('STORE_UNREACHABLE', {
    message: `${url} cannot be used now: ${reason}`,
    hint: 'Nothing is lost: run the same command again when it answers.',
    details: { store: url },
    cause,
  });
}

export function storeFull(url: string, cause?: unknown): VectabaseError {
  return new VectabaseError('DISK_FULL', {
    message: `${url} is full`,
    hint: 'Make room there, or run vectabase backup prune --dry-run to see what could go.',
    details: { store: url },
    cause,
  });
}

/** @param reason what the other side said, without credentials */
export function storeRefused(url: string, reason: string, cause?: unknown): VectabaseError {
  return new VectabaseError('STORE_REFUSED', {
    message: `${url} refused us: ${reason}`,
    hint: 'Compare the credentials and what they may do there (list, read, write, delete): vectabase config get backup.stores.',
    details: { store: url },
    cause,
  });
}
