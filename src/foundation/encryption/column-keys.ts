import { hkdfExpand, hmacSha256 } from '../crypto/derive.ts';
import { openGcm, sealGcm } from '../crypto/aes-gcm.ts';
import { sealForSession } from '../crypto/session-box.ts';
import { associatedData, columnLabel, type ColumnName } from './binding.ts';
import { formatEnvelope, parseEnvelope } from './envelope.ts';

/** Keys as they are in memory, all of 32 bytes. */
export interface OpenKeys {
  /** By id; every one that some value may still be under. */
  readonly data: ReadonlyMap<string, Buffer>;
  /** What new values are sealed with. */
  readonly activeId: string;
  readonly index: Buffer;
  readonly indexId: string;
}

/** A value and where it stands. */
export interface Place {
  readonly column: ColumnName;
  /** `netstrings` of the row's primary key. */
  readonly rowKey: string;
}

/** `unknown-key`: sealed with a key that was made after these were read. `forged`: changed, or moved here from elsewhere. */
export type Refusal = 'not-an-envelope' | 'unknown-key' | 'forged';
export type Opened = { readonly ok: true; readonly plaintext: Buffer } | { readonly ok: false; readonly why: Refusal };

/** Seals and opens values with the keys of one installation. Nothing of it prints as text. */
export class ColumnKeys {
  readonly #keys: OpenKeys;
  readonly #labels = new WeakMap<ColumnName, string>();
  readonly #indexKeys = new Map<string, Buffer>();

  constructor(keys: OpenKeys) {
    this.#keys = keys;
  }

  get activeId(): string {
    return this.#keys.activeId;
  }

  /** These keys, when they are all that is listed; with the one that writes as listed. */
  covering(
    listed: ReadonlyArray<{ readonly key: string; readonly purpose: string; readonly active: boolean }>,
  ): ColumnKeys | undefined {
    const { data, indexId } = this.#keys;
    if (!listed.every(({ key, purpose }) => (purpose === 'index' ? key === indexId : data.has(key)))) return undefined;
    const activeId = listed.find(({ purpose, active }) => purpose === 'data' && active)?.key;
    return activeId === undefined ? undefined : new ColumnKeys({ ...this.#keys, activeId });
  }

  seal({ column, rowKey }: Place, plaintext: Buffer, indexed: boolean): string {
    const label = this.#label(column);
    const keyId = this.#keys.activeId;
    const index = indexed ? this.blindIndex(column, plaintext) : undefined;
    const box = sealGcm(this.#dataKey(keyId), plaintext, associatedData(label, rowKey, keyId, index));
    return formatEnvelope({ keyId, box, index });
  }

  open({ column, rowKey }: Place, text: string): Opened {
    const envelope = parseEnvelope(text);
    if (envelope === undefined) return { ok: false, why: 'not-an-envelope' };
    const { keyId, box, index } = envelope;
    const key = this.#keys.data.get(keyId);
    if (key === undefined) return { ok: false, why: 'unknown-key' };
    const plaintext = openGcm(key, box, associatedData(this.#label(column), rowKey, keyId, index));
    return plaintext === undefined ? { ok: false, why: 'forged' } : { ok: true, plaintext };
  }

  /** Equal values of one column, and of it alone, have equal indexes. 128 bits of HMAC-SHA256 in base64url. */
  blindIndex(column: ColumnName, plaintext: Buffer | string): string {
    const label = this.#label(column);
    let key = this.#indexKeys.get(label);
    if (key === undefined) this.#indexKeys.set(label, (key = hkdfExpand(this.#keys.index, label)));
    return hmacSha256(key, plaintext).subarray(0, 16).toString('base64url');
  }

  /** The keys for one database session, sealed with what `vectabase.offer_keys()` gave it. */
  sealForSession(secret: Buffer): string {
    const hex = (key: Buffer): string => key.toString('hex');
    const { data, activeId, index } = this.#keys;
    const keys = {
      active: activeId,
      index: hex(index),
      data: Object.fromEntries([...data].map(([id, key]) => [id, hex(key)])),
    };
    return sealForSession(secret, JSON.stringify(keys)).toString('base64');
  }

  /** Every key with its purpose, to be wrapped anew. */
  all(): Array<readonly [id: string, { readonly key: Buffer; readonly purpose: 'data' | 'index' }]> {
    const data = [...this.#keys.data].map(([id, key]) => [id, { key, purpose: 'data' }] as const);
    return [...data, [this.#keys.indexId, { key: this.#keys.index, purpose: 'index' }]];
  }

  #dataKey(id: string): Buffer {
    const key = this.#keys.data.get(id);
    if (key === undefined) throw new Error(`data key ${id} is not in the keys`);
    return key;
  }

  #label(column: ColumnName): string {
    let label = this.#labels.get(column);
    if (label === undefined) this.#labels.set(column, (label = columnLabel(column)));
    return label;
  }
}
