import { recordName, storeKey, walObject, parseWalFile } from '../names.ts';
import type { CatalogueEntry } from './entries.ts';

/** An object that an entry names, as a store keeps it. */
export interface NamedObject {
  readonly key: string;
  /** What is pruned together: `base/LABEL`, `dump/LABEL`, or the object itself. */
  readonly group: string;
  /** Undefined for the unsealed record beside a backup. */
  readonly bytes?: number;
  readonly sha256?: string;
}

/** The objects of an entry, those that a reader needs first standing last. */
export function objectsOf(systemId: string, entry: CatalogueEntry): NamedObject[] {
  if (entry.kind === 'wal') {
    return entry.files.flatMap(({ name, sealedBytes, sealedSha256 }) => {
      const file = parseWalFile(name);
      const object = file && walObject(file);
      return object === undefined ? [] : [named(systemId, object, object, sealedBytes, sealedSha256)];
    });
  }
  if (!('objects' in entry) || entry.kind === 'pruned') return [];
  const group = 'label' in entry ? `${entry.kind}/${entry.label}` : undefined;
  const sealed = entry.objects.map(({ object, sealedBytes, sealedSha256 }) =>
    named(systemId, object, group ?? object, sealedBytes, sealedSha256),
  );
  if (entry.kind !== 'base' || group === undefined) return sealed;
  return [...sealed, { key: `${systemId}/${recordName(entry.label)}`, group }];
}

function named(systemId: string, object: string, group: string, bytes: number, sha256: string): NamedObject {
  return { key: storeKey(systemId, object), group, bytes, sha256 };
}
