import { createHash, randomBytes } from 'node:crypto';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { Clock } from '../../foundation/core/observe.ts';
import { openFromAge, sealForAge } from '../../foundation/crypto/age.ts';
import type { AgeIdentity, AgeRecipient } from '../../foundation/crypto/age-keys.ts';
import type { EntryOf } from './catalog/entries.ts';
import type { ObjectHeader } from './header.ts';

/**
 * The key that seals the files of one base backup, or of at most a day of WAL: each file carries it wrapped for the
 * recovery keys, and has a key of its own derived from it. It lives in memory alone.
 */
export interface Epoch {
  /** `20261122T030000Z-1f0c9a3e` */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
  /** An age file, armored. */
  readonly wrapped: string;
  /** Whom it is wrapped for. */
  readonly recipients: string[];
  /**
   * SHA-256 of the key in hexadecimal, for the signed catalogue. A recovery key's public half is no secret, so anybody
   * can seal a file for it; a file whose epoch no entry names was made by a stranger.
   */
  readonly fingerprint: string;
  /** Milliseconds since the epoch of Unix. */
  readonly startedAt: number;
}

export async function newEpoch(recipients: readonly AgeRecipient[], now: number): Promise<Epoch> {
  const key = randomBytes(32);
  return {
    id: `${labelOf(now)}-${randomBytes(4).toString('hex')}`,
    key,
    wrapped: await wrapKey(key, recipients),
    recipients: recipients.map(({ text }) => text),
    fingerprint: fingerprintOf(key),
    startedAt: now,
  };
}

/** What the catalogue hears of it. */
export function epochEntry({ id, fingerprint, recipients, wrapped }: Epoch): EntryOf<'epoch'> {
  return { kind: 'epoch', id, keySha256: fingerprint, sealed: { recipients, wrapped } };
}

export async function wrapKey(key: Buffer, recipients: readonly AgeRecipient[]): Promise<string> {
  return sealForAge(key.toString('base64'), recipients);
}

/** @throws VectabaseError SECRETS_KEY_WRONG when none of the identities opens it */
export async function unwrapKey(wrapped: string, identities: readonly AgeIdentity[], name: string): Promise<Buffer> {
  return Buffer.from((await openFromAge(Buffer.from(wrapped), identities, name)).toString(), 'base64');
}

/** `20261122T030000Z`: names sort by age. */
export function labelOf(time: number): string {
  return new Date(time).toISOString().replaceAll(/[-:]|\.\d+/g, '');
}

export function fingerprintOf(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Unwraps the key of a file. `name` is how an error names the file. */
export type KeyOpener = (header: ObjectHeader, name: string) => Promise<Buffer>;

/**
 * Opens files with the recovery keys, each epoch once: unwrapping costs more than opening a segment does.
 *
 * @throws VectabaseError SECRETS_KEY_WRONG when none of them opens it
 */
export function openWith(identities: readonly AgeIdentity[]): KeyOpener {
  const known = new Map<string, Promise<Buffer>>();
  return async ({ key: wrapped }, name) => {
    const key = known.get(wrapped) ?? unwrapKey(wrapped, identities, name);
    known.set(wrapped, key);
    return key;
  };
}

/** Opens what was sealed in this very epoch, without a recovery key: to prove a file right after it was written. */
export function openWithEpoch(epoch: Epoch): KeyOpener {
  return async ({ key }, name) => {
    if (key === epoch.wrapped) return epoch.key;
    throw new VectabaseError('BACKUP_DAMAGED', { message: `${name} was not sealed in epoch ${epoch.id}` });
  };
}

const DAY = 24 * 60 * 60 * 1000;

/** The epoch of the moment: a new one after a day, after a base backup, for a new recovery key and after each start. */
export class Epochs {
  readonly #recipients: () => Promise<readonly AgeRecipient[]>;
  readonly #clock: Clock;
  #held: Held | undefined;

  /** @param recipients asked at each file, so that a new recovery key counts from the next one on */
  constructor(recipients: () => Promise<readonly AgeRecipient[]>, clock: Clock) {
    this.#recipients = recipients;
    this.#clock = clock;
  }

  async current(): Promise<Epoch> {
    const recipients = await this.#recipients().catch((error: unknown) => {
      // WAL goes on being kept, for those for whom it was.
      if (this.#held) return this.#held.recipients;
      throw error;
    });
    const now = this.#clock.now();
    if (this.#held && isFresh(this.#held, recipients, now)) return this.#held.epoch;
    const held = { epoch: newEpoch(recipients, now), recipients, startedAt: now };
    this.#held = held;
    held.epoch.catch(() => {
      if (this.#held === held) this.#held = undefined;
    });
    return held.epoch;
  }

  /** The next file starts a new one. */
  end(): void {
    this.#held = undefined;
  }
}

interface Held {
  readonly epoch: Promise<Epoch>;
  readonly recipients: readonly AgeRecipient[];
  readonly startedAt: number;
}

/** A clock that was set back must not stretch the day. */
function isFresh({ recipients, startedAt }: Held, asked: readonly AgeRecipient[], now: number): boolean {
  const names = (each: readonly AgeRecipient[]): string => each.map(({ text }) => text).join('\n');
  return now >= startedAt && now - startedAt < DAY && names(recipients) === names(asked);
}
