import { z } from 'zod';

/** `0/2000028` */
const LSN = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);
const TIMELINE = z.int().min(1);
const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);
const BYTES = z.int().min(0);
/** ISO 8601, UTC. */
const TIME = z.iso.datetime();
/** `20260122T030000Z`, or another name without spaces: a part of keys. */
const LABEL = z.string().regex(/^[A-Za-z0-9_=-][A-Za-z0-9._=-]*$/);
const CODE = z.string().regex(/^[A-Z_]+$/);
const EPOCH = z.string().min(1);

/** Whom a key is wrapped for, and the wrapping: an age file, armored. */
const RECIPIENTS = z.array(z.string()).min(1);
const WRAPPED = z.string().startsWith('-----BEGIN AGE ENCRYPTED FILE-----');

const POSITION = z.strictObject({ lsn: LSN, timeline: TIMELINE });

/** A sealed object as it was written. `object` is its key below the system id, without `.vbk`. */
const SEALED = z.strictObject({
  object: z.string().min(1),
  plainBytes: BYTES,
  plainSha256: SHA256,
  sealedBytes: BYTES,
  sealedSha256: SHA256,
});

const common = { label: LABEL, postgres: z.string(), startedAt: TIME, finishedAt: TIME, objects: z.array(SEALED) };

/** What a catalogue can say. Closed: a reader that meets another kind is older than the writer, and says so. */
export const ENTRY = z.discriminatedUnion('kind', [
  /** A key that WAL and backups are sealed with from now on. What another key sealed, a stranger made. */
  z.strictObject({
    kind: z.literal('epoch'),
    id: EPOCH,
    keySha256: SHA256,
    /** As it stands in the header of each file of it, so that it can be wrapped anew without reading one. */
    sealed: z.strictObject({ recipients: RECIPIENTS, wrapped: WRAPPED }).optional(),
  }),
  /** Keys of epochs that were, wrapped for recovery keys that came later: the files are as they were. */
  z.strictObject({
    kind: z.literal('rewrapped'),
    recipients: RECIPIENTS,
    keys: z.array(z.strictObject({ epoch: EPOCH, wrapped: WRAPPED })),
  }),
  z.strictObject({
    kind: z.literal('base'),
    ...common,
    start: POSITION,
    end: POSITION,
    epoch: EPOCH.optional(),
    /** The backup that an incremental one builds on. */
    parent: LABEL.optional(),
  }),
  z.strictObject({
    kind: z.literal('dump'),
    ...common,
    databases: z.array(z.string()),
    epoch: EPOCH.optional(),
    /** Where the WAL was when the dump's snapshot was taken, for comparing it with a restored second. */
    snapshotLsn: LSN.optional(),
  }),
  z.strictObject({
    kind: z.literal('config'),
    label: LABEL,
    finishedAt: TIME,
    objects: z.array(SEALED),
    epoch: EPOCH.optional(),
  }),
  /** Segments that are sealed, in order and without a hole from `start` to `end`. */
  z.strictObject({
    kind: z.literal('wal'),
    timeline: TIMELINE,
    start: LSN,
    /** First byte behind the last segment. */
    end: LSN,
    /** The last commit whose record lies before `end`; null where no commit was among them. */
    lastCommitAt: TIME.nullable(),
    files: z.array(z.strictObject({ name: z.string(), sealedBytes: BYTES, sealedSha256: SHA256 })),
    epochs: z.array(EPOCH).optional(),
  }),
  /** A timeline that left another one: what its history file says. */
  z.strictObject({
    kind: z.literal('timeline'),
    timeline: TIMELINE,
    parents: z.array(z.strictObject({ timeline: TIMELINE, end: LSN })),
    /** When it began, as far as we know: the catalogue may hear of it much later. */
    bornAt: TIME.optional(),
    objects: z.array(SEALED),
    epoch: EPOCH.optional(),
  }),
  /** WAL that nobody will ever have: no return to a second within. */
  z.strictObject({
    kind: z.literal('gap'),
    timeline: TIMELINE,
    start: LSN,
    end: LSN,
    reason: z.enum(['dropped', 'lost', 'damaged', 'archiving-off']),
  }),
  /** Objects that retention took away from one store. Written before they go. */
  z.strictObject({ kind: z.literal('pruned'), store: z.string(), objects: z.array(z.string()), reason: z.string() }),
  z.strictObject({ kind: z.literal('pinned'), label: LABEL, pinned: z.boolean(), note: z.string().optional() }),
  /** Opened and checked, up to a level of docs/backup.md. */
  z.strictObject({
    kind: z.literal('verified'),
    label: LABEL,
    store: z.string(),
    level: z.int().min(0).max(4),
    /** `recovery`: as the owner would open it. `epoch`: with the key that the machine still had. */
    by: z.enum(['none', 'epoch', 'recovery']),
    ok: z.boolean(),
    code: CODE.optional(),
  }),
  /** Restored onto a scratch server, which answered. */
  z.strictObject({
    kind: z.literal('rehearsed'),
    label: LABEL,
    /** The second that was returned to; null for the end of the backup. */
    target: TIME.nullable(),
    reached: LSN.optional(),
    timeline: TIMELINE.optional(),
    ms: BYTES,
    rows: BYTES.optional(),
    evidenceSha256: SHA256.optional(),
    ok: z.boolean(),
    code: CODE.optional(),
  }),
  /** A job that should have made a backup and did not. */
  z.strictObject({ kind: z.literal('failed'), job: z.enum(['base', 'dump', 'config', 'copy', 'prune']), code: CODE }),
  /** The owner showed that he still has the private half. */
  z.strictObject({ kind: z.literal('key-proved'), recipient: z.string(), by: z.enum(['file', 'typed']) }),
  /** Whom backups are sealed for from now on. */
  z.strictObject({ kind: z.literal('recipients'), recipients: z.array(z.string()) }),
  /** The next document is signed by this key, and by nobody else. */
  z.strictObject({ kind: z.literal('key-rotated'), publicKey: z.string() }),
  /** Signed by a new key whose predecessor was lost with its machine: no hand-over, and readers are told so. */
  z.strictObject({ kind: z.literal('key-adopted'), publicKey: z.string() }),
]);

export type CatalogueEntry = z.output<typeof ENTRY>;
export type EntryOf<K extends CatalogueEntry['kind']> = Extract<CatalogueEntry, { kind: K }>;
