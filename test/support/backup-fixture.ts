import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { systemClock, type JobContext, type Observation } from '../../src/foundation/core/observe.ts';
import { directoryStore } from '../../src/foundation/objects/directory-store.ts';
import { openWriter } from '../../src/operator/backup/catalog/append.ts';
import type { CatalogueEntry } from '../../src/operator/backup/catalog/entries.ts';
import { objectsOf } from '../../src/operator/backup/catalog/objects.ts';
import { formatLsn, WalSegments } from '../../src/operator/backup/names.ts';

export const SYSTEM = '7512345678901234567';

/** A store with a catalogue, whose objects are random bytes: for what does not look inside of them. */
export class BackupFixture {
  readonly store;
  readonly home: { readonly directory: string };
  /** Keys of the objects that a document names. */
  readonly objects = new Map<number, string[]>();
  readonly #append: (entry: CatalogueEntry) => Promise<number>;

  constructor(root: string, clock = systemClock) {
    this.store = directoryStore(path.join(root, 'store'));
    this.home = { directory: path.join(root, 'home') };
    const { signal } = new AbortController();
    this.#append = openWriter({ store: this.store, systemId: SYSTEM, home: this.home, clock, signal }).append;
  }

  /** @param label `20260101T000000Z`: when it was made */
  async base(label: string, at = 3, parent?: string): Promise<void> {
    const time = label.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z');
    const position = { lsn: lsnOf(at), timeline: 1 };
    const objects = [random(`base/${label}/base.tar`), random(`base/${label}/manifest`)];
    await this.add(
      {
        kind: 'base',
        label,
        postgres: '17.10',
        ...(parent === undefined ? {} : { parent }),
        startedAt: time,
        finishedAt: time,
        start: position,
        end: { ...position, lsn: lsnOf(at, 0x60n) },
        objects: objects.map(({ entry }) => entry),
      },
      objects.map(({ bytes }) => bytes),
    );
  }

  async wal(from: number, to: number, lastCommitAt: string | null = null): Promise<void> {
    const names = Array.from({ length: to - from + 1 }, (_, at) => segments.nameAt(1, BigInt(from + at) * SIZE));
    const files = names.map((name) => ({ name, content: randomBytes(50) }));
    await this.add(
      {
        kind: 'wal',
        timeline: 1,
        start: lsnOf(from),
        end: lsnOf(to + 1),
        lastCommitAt,
        files: files.map(({ name, content }) => ({ name, sealedBytes: 50, sealedSha256: sha256(content) })),
      },
      files.map(({ content }) => content),
    );
  }

  async add(entry: CatalogueEntry, contents: readonly Buffer[] = []): Promise<number> {
    const objects = objectsOf(SYSTEM, entry);
    const { signal } = new AbortController();
    for (const [at, { key }] of objects.entries()) {
      await this.store.put(key, contents[at] ?? Buffer.from('{}'), { signal });
    }
    const number = await this.#append(entry);
    this.objects.set(
      number,
      objects.map(({ key }) => key),
    );
    return number;
  }
}

export function quietContext<O extends Observation>(): JobContext<O> {
  return { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
}

const segments = new WalSegments();
const SIZE = BigInt(segments.segmentBytes);

export function lsnOf(segment: number, offset = 0n): string {
  return formatLsn(BigInt(segment) * SIZE + offset);
}

function random(object: string) {
  const bytes = randomBytes(100);
  const hash = sha256(bytes);
  return { bytes, entry: { object, plainBytes: 100, plainSha256: hash, sealedBytes: 100, sealedSha256: hash } };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
