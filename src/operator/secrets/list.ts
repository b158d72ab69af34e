import { createHmac } from 'node:crypto';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import { auditKey } from './audit-line.ts';
import { auditFiles } from './audit-log.ts';
import { verifyAudit } from './audit-verify.ts';
import { secretsOf } from './document.ts';
import type { SecretStore } from './store.ts';

export interface ListedSecret {
  readonly name: string;
  /** ISO 8601; null when it was written with other tools. */
  readonly setAt: string | null;
  /** When its value was last handed out on this machine, and for what. */
  readonly lastAccess: { readonly at: string; readonly operation: string; readonly to: string | null } | null;
  /** Eight hexadecimal digits that tell two values apart, and nothing about either without the private key. */
  readonly fingerprint: string;
}

export interface SecretsList {
  readonly environment: string;
  readonly file: string;
  readonly secrets: readonly ListedSecret[];
  readonly environments: readonly string[];
}

export async function listSecrets(store: SecretStore): Promise<SecretsList> {
  const accesses = await lastAccesses(store);
  const document = await store.read({ operation: 'list', names: [] });
  const fingerprint = fingerprinter(store.identities[0]);
  return {
    environment: store.environment,
    file: store.file,
    secrets: secretsOf(document)
      .map(({ name, value, setAt }) => ({
        name,
        setAt: setAt ?? null,
        lastAccess: accesses.get(name) ?? null,
        fingerprint: fingerprint(value),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    environments: await store.environments(),
  };
}

/** Keyed: the plain hash of a short value could be found by trying. */
export function fingerprinter({ derive }: AgeIdentity): (value: string) => string {
  const key = derive('fingerprint');
  return (value) => createHmac('sha256', key).update(value).digest('hex').slice(0, 8);
}

/** Operations that hand a value to somebody. */
const HANDED_OUT: ReadonlySet<string> = new Set(['get', 'export', 'edit', 'exec', 'load']);

async function lastAccesses(store: SecretStore): Promise<Map<string, ListedSecret['lastAccess']>> {
  const found = new Map<string, ListedSecret['lastAccess']>();
  const keys = new Map(store.identities.map(auditKey).map((key) => [key.id, key]));
  await verifyAudit(auditFiles(store.paths), keys, {
    visit: ({ operation, environment, names, at, to }) => {
      if (environment !== store.environment || !HANDED_OUT.has(operation)) return;
      for (const name of names) found.set(name, { at, operation, to: to ?? null });
    },
  });
  return found;
}
