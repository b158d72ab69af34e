import { fstatSync, readFileSync, readSync, statSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { VectabaseError } from '../core/errors.ts';
import { environment } from './environment.ts';
import { DEFINITIONS, type Definition, type Section, type Settings } from './definitions.ts';

/** A section of the settings, any of them left out. */
function section<S extends Section>(name: S) {
  type Shape = {
    [N in keyof (typeof DEFINITIONS)[S]]: (typeof DEFINITIONS)[S][N] extends Definition<infer T> ? z.ZodType<T> : never;
  };
  const shape = Object.entries<Definition<unknown>>(DEFINITIONS[name]).map(([key, { schema }]) => [key, schema]);
  return z.strictObject(Object.fromEntries(shape) as Shape).partial();
}

const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const port = z.int().min(0).max(65_535);

const RUNTIME = z.strictObject({
  api: z
    .strictObject({
      host: DEFINITIONS.api.host.schema.default(DEFINITIONS.api.host.initial),
      /** 0 takes a free one; the ready line tells which. */
      port: port.default(DEFINITIONS.api.port.initial),
      publicUrl: DEFINITIONS.api.publicUrl.schema.optional(),
      cors: DEFINITIONS.api.cors.schema.default(DEFINITIONS.api.cors.initial),
      trustedProxies: DEFINITIONS.api.trustedProxies.schema.optional(),
    })
    .prefault({}),
  database: z.strictObject({
    /** A directory of unix sockets, or a host name. */
    host: z.string().min(1),
    port: port.default(5432),
    user: z.string().min(1),
    password: z.string().optional(),
    database: z.string().min(1),
    /** With libpq's meaning. Left out: TLS where the host is another one, unless it refuses on this one. */
    sslMode: z.enum(SSL_MODES).optional(),
    /** PEM file of the authority that `verify-*` trusts; left out, those that Node trusts. */
    rootCertificate: z.string().min(1).optional(),
  }),
  rest: section('rest').optional(),
  jwt: section('jwt').optional(),
  limits: section('limits').optional(),
  auth: section('auth').optional(),
  mail: section('mail').optional(),
  /** Where the owner's templates of letters lie. */
  mailDirectory: z.string().min(1).optional(),
  /** Where letters are kept when there is no mail server, and shown to this machine. Absent: then there is no mail. */
  mailOutbox: z.string().min(1).optional(),
  /** Stands in the address of the page that shows them. Absent: they are not shown. */
  mailInboxKey: z.string().min(16).optional(),
  /** Who the auth service is in the database; by default `supabase_auth_admin` without a password. */
  authLogin: z.strictObject({ user: z.string().min(1), password: z.string().optional() }).optional(),
  /** Archiving of WAL. Absent: there is none. */
  archive: z
    .strictObject({
      /** Holds the socket that `archive_command` writes to, its token and its client; closed to others. */
      socketDirectory: z.string().min(1),
      /** Where files lie sealed until the store has them. */
      spool: z.string().min(1),
      /** Directory of the store. */
      repository: z.string().min(1),
      /** What the machine keeps of its backups: whom they are sealed for, the key that signs their catalogue. */
      home: z.string().min(1),
      whenFull: DEFINITIONS.backup.whenFull.schema.default(DEFINITIONS.backup.whenFull.initial),
    })
    .optional(),
  /** Schedules, and who is told what goes wrong. */
  backup: section('backup').optional(),
  /** What is done by itself. Absent: nothing is. */
  jobs: z
    .strictObject({
      /** May replicate, and read everything. Absent: no copies are made. */
      backupLogin: z.strictObject({ user: z.string().min(1), password: z.string().optional() }).optional(),
      /** Where rehearsals restore to. */
      scratch: z.string().min(1).optional(),
      /** Directories whose disks are watched. */
      disks: z.array(z.string().min(1)).default([]),
    })
    .optional(),
  /** Where the admin listener answers. Absent: there is none. */
  admin: z.strictObject({ socket: z.string().min(1) }).optional(),
  log: z.strictObject({ level: DEFINITIONS.log.level.schema.default(DEFINITIONS.log.level.initial) }).prefault({}),
  /** File of the master key (`credential:NAME`: of that credential of systemd), when VECTABASE_MASTER_KEY does not bring it. Asked for only where columns are encrypted. */
  masterKeyFile: z.string().min(1).optional(),
  /** What tells the right master key from a wrong one; looked at before Postgres starts. */
  masterKeyCheckFile: z.string().min(1).optional(),
  /** Who the daemon runs as when root starts it; only root may ask for it. */
  runAs: z.strictObject({ uid: z.int().min(1), gid: z.int().min(1) }).optional(),
  /** Encrypted secrets, and which environment of them is ours. Without a file of the key: systemd's credential, or the one beside them. */
  secrets: z
    .strictObject({
      directory: z.string().min(1),
      environment: DEFINITIONS.secrets.environment.schema.default(DEFINITIONS.secrets.environment.initial),
      identityFile: z.string().min(1).optional(),
    })
    .optional(),
  /** The file with the signing and API keys; `credential:NAME` as above. It is read anew when it changes. */
  keysFile: z.string().min(1).optional(),
  /** Keys that clients send as `apikey`, and the role of each. Absent: none is asked for. */
  apiKeys: z.array(z.strictObject({ key: z.string().min(1), role: z.string().min(1) })).optional(),
});

/**
 * What a daemon is started with: settings that are resolved, plus what only its starter knows. Written by whoever
 * starts it (`vectabase up`, the installer, or a person for a database elsewhere), read at start and for SIGHUP. Holds
 * a password, so nobody else may read the file.
 */
export type RuntimeConfig = z.output<typeof RUNTIME>;

/** Writes the file in one piece, mode 0600. */
export async function writeRuntimeFile(file: string, config: RuntimeConfig): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  try {
    await writeFile(fresh, formatRuntimeFile(config), { mode: 0o600, flag: 'wx' });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

export function formatRuntimeFile(config: RuntimeConfig): string {
  return `${JSON.stringify(RUNTIME.parse(config), null, 2)}\n`;
}

/**
 * Reads a runtime file, JSON or YAML. One of root's may be readable to a group, the daemon's. `fd:4` is a file that the starter opened for us, as we may not open it ourselves.
 *
 * @param options.credentials false leaves the names of credentials as they are: for who is not the daemon
 * @throws VectabaseError CONFIG_INVALID: unreadable, open to others, or not of this shape (naming the path)
 */
export function readRuntimeFile(file: string, { credentials = true } = {}): RuntimeConfig {
  let value: unknown;
  try {
    const descriptor = /^fd:(\d+)$/.exec(file)?.[1];
    const at = descriptor === undefined ? file : Number(descriptor);
    const { mode, uid } = typeof at === 'number' ? fstatSync(at) : statSync(at);
    if ((mode & (uid === 0 ? 0o027 : 0o077)) !== 0) throw openToOthers(file);
    value = parseText(typeof at === 'number' ? readFromStart(at).toString('utf8') : readFileSync(at, 'utf8'));
  } catch (error) {
    if (error instanceof VectabaseError) throw error;
    throw invalid(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'not JSON or YAML'}`);
  }
  const result = RUNTIME.safeParse(value);
  if (result.success) return credentials ? located(result.data) : result.data;
  const [issue] = result.error.issues;
  const at = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw invalid(`${file}: ${at}${issue?.message ?? 'not accepted'}`);
}

/** Units that share a runtime file have directories of their own for what systemd opens for them. */
function located(config: RuntimeConfig): RuntimeConfig {
  const { keysFile, masterKeyFile, masterKeyCheckFile } = config;
  return {
    ...config,
    ...(keysFile !== undefined && { keysFile: placeOf(keysFile) }),
    ...(masterKeyFile !== undefined && { masterKeyFile: placeOf(masterKeyFile) }),
    ...(masterKeyCheckFile !== undefined && { masterKeyCheckFile: placeOf(masterKeyCheckFile) }),
  };
}

function placeOf(file: string): string {
  const name = /^credential:(.+)$/.exec(file)?.[1];
  if (name === undefined) return file;
  const { CREDENTIALS_DIRECTORY } = environment();
  if (CREDENTIALS_DIRECTORY !== undefined) return `${CREDENTIALS_DIRECTORY}/${name}`;
  throw new VectabaseError('CONFIG_INVALID', {
    message: `${file} is handed over by systemd, which did not start this`,
    hint: 'Run systemctl restart vectabase.',
  });
}

/** Most are JSON, and a parser for the rest would stay in memory for good. */
function parseText(text: string): unknown {
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      // YAML may start so too.
    }
  }
  const yaml = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  return yaml.parse(text);
}

/** Several processes share the descriptor, and with it where the next read would begin. */
export function readFromStart(descriptor: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(descriptor).size);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0));
}

/** A section of the settings with its defaults where the file says nothing. */
export function completed<S extends Section>(
  name: S,
  given: { readonly [N in keyof Settings[S]]?: Settings[S][N] | undefined } | undefined,
): Settings[S] {
  const initial = Object.entries<Definition<unknown>>(DEFINITIONS[name]).map(([key, each]) => [key, each.initial]);
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries([...initial, ...set]) as Settings[S];
}

function openToOthers(file: string): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', {
    message: `${file} holds a password and can be read by others`,
    hint: `Run chmod 600 ${file}.`,
  });
}

function invalid(message: string): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', {
    message,
    hint: 'Correct the file; vectabase up and the installer write theirs anew when they are started.',
  });
}
