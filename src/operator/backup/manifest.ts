import { createHash } from 'node:crypto';
import { z } from 'zod';
import { VectabaseError } from '../../foundation/core/errors.ts';

/** `backup_manifest`, version 2. https://www.postgresql.org/docs/17/backup-manifest-format.html */
const MANIFEST = z.object({
  'PostgreSQL-Backup-Manifest-Version': z.union([z.literal(1), z.literal(2)]),
  Files: z.array(
    z.object({
      Path: z.string().optional(),
      'Encoded-Path': z.string().optional(),
      Size: z.number(),
      Checksum: z.string(),
      'Checksum-Algorithm': z.literal('SHA256'),
    }),
  ),
  'Manifest-Checksum': z.string(),
});

interface ListedFile {
  readonly size: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** What the server said it sent; ticked off file by file. */
export class Manifest {
  readonly #left: Map<string, ListedFile>;
  readonly #wrong: string[] = [];
  readonly files: number;

  /** @throws VectabaseError BACKUP_DAMAGED when its own checksum does not fit */
  constructor(bytes: Buffer) {
    const parsed = MANIFEST.safeParse(parse(bytes));
    // The last line holds the checksum of all that is before it.
    const end = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
    const checksum = createHash('sha256').update(bytes.subarray(0, end)).digest('hex');
    if (!parsed.success || parsed.data['Manifest-Checksum'] !== checksum) throw broken('the manifest is damaged');
    this.#left = new Map(
      parsed.data.Files.map((file) => [
        file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('latin1'),
        { size: file.Size, sha256: file.Checksum },
      ]),
    );
    this.files = this.#left.size;
  }

  /** @param sha256 in hexadecimal */
  tick(name: string, size: number, sha256: string): void {
    const listed = this.#left.get(name);
    this.#left.delete(name);
    // The WAL was added to the archive when the manifest was made: replaying it proves it.
    if (!listed && name.startsWith('pg_wal/')) return;
    if (listed?.size !== size || listed.sha256 !== sha256) this.#wrong.push(name);
  }

  /** @throws VectabaseError BACKUP_DAMAGED naming the first files that differ or lack */
  assertAllTicked(): void {
    const missing = [...this.#left.keys()];
    if (this.#wrong.length === 0 && missing.length === 0) return;
    const named = [...this.#wrong.map((name) => `${name} differs`), ...missing.map((name) => `${name} is missing`)];
    throw broken(`${named.length} of its files are not as the server sent them: ${named.slice(0, 3).join(', ')}`);
  }
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function broken(message: string): VectabaseError {
  return new VectabaseError('BACKUP_DAMAGED', {
    message: `the backup cannot be used: ${message}`,
    hint: 'Use another copy of it, or an earlier backup: vectabase backup list.',
  });
}
