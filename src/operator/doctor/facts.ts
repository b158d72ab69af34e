import type { PgBouncerHoles } from '../../foundation/postgres/pgbouncer-holes.ts';

/** What checks judge, by the name under which it is looked up. Each is read once, by one function in `look/`. */
export interface Facts {
  readonly settings: SettingsFacts;
  readonly system: SystemFacts;
  readonly disks: readonly DiskFacts[];
  readonly packages: PackageFacts;
  readonly database: DatabaseFacts;
  readonly pgbouncer: PgBouncerFacts;
  readonly certificates: readonly CertificateFacts[];
  readonly volume: VolumeFindings;
  readonly units: readonly UnitFacts[];
  readonly files: readonly FileFacts[];
  readonly drift: readonly DriftFacts[];
  readonly keys: KeyFacts;
  readonly backups: BackupFacts;
  readonly alerts: AlertFacts;
  readonly network: NetworkFacts;
  readonly api: ApiFacts;
  readonly mail: MailFacts;
}

export type FactName = keyof Facts;

export interface SettingsFacts {
  /** What of them is not accepted: each names its place. */
  readonly mistakes: readonly string[];
}

export interface SystemFacts {
  readonly os: { readonly id: string; readonly version: string; readonly name: string };
  readonly container: boolean;
  readonly cores: number;
  /** Of one minute. */
  readonly load: number;
  readonly memory: { readonly total: number; readonly available: number };
  readonly swap: { readonly total: number; readonly used: number };
  readonly entropyBits: number;
  /** Null where nobody here keeps the clock: a container has that of its host. */
  readonly clockSynchronised: boolean | null;
  readonly rebootRequired: boolean;
  /** Bytes of journald's files. */
  readonly journalBytes: number;
}

export interface DiskFacts {
  readonly path: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** 0 where the file system has no fixed number. */
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface PackageFacts {
  readonly node: string;
  /** Server packages with a newer version at hand: `postgresql-17 17.10-1 -> 17.11-1`. */
  readonly outdated: readonly string[];
  /** Null where apt cannot be asked. */
  readonly securityUpdates: number | null;
  readonly unattendedUpgrades: boolean;
}

export interface DatabaseFacts {
  /** 170010 */
  readonly version: number;
  readonly settings: readonly {
    readonly name: string;
    readonly setting: string;
    readonly unit: string | null;
    readonly pendingRestart: boolean;
    readonly file: string;
  }[];
  readonly files: readonly {
    readonly name: string | null;
    readonly file: string;
    readonly line: number;
    readonly error: string | null;
    readonly applied: boolean;
    readonly automatic: boolean;
  }[];
  readonly hba: readonly {
    readonly line: number;
    readonly file: string;
    readonly type: string | null;
    readonly databases: string;
    readonly users: string;
    readonly address: string;
    readonly method: string;
    readonly options: string;
    readonly error: string | null;
  }[];
  readonly roles: readonly {
    readonly name: string;
    readonly superuser: boolean;
    readonly bypassesRls: boolean;
    readonly login: boolean;
    readonly createsRoles: boolean;
    readonly replication: boolean;
    readonly password: 'none' | 'scram' | 'md5';
    readonly expired: boolean | null;
  }[];
  readonly databases: readonly {
    readonly name: string;
    readonly age: number;
    readonly multixactAge: number;
    readonly checksumFailures: number;
    readonly bytes: number;
  }[];
  readonly extensions: readonly {
    readonly name: string;
    readonly installed: string;
    readonly available: string | null;
  }[];
  readonly slots: readonly {
    readonly name: string;
    readonly active: boolean;
    readonly walStatus: string | null;
    readonly heldBytes: number | null;
  }[];
  readonly tables: readonly {
    readonly name: string;
    readonly live: number;
    readonly dead: number;
    readonly modified: number;
    readonly neverAnalysed: boolean;
  }[];
  readonly indexes: readonly { readonly name: string }[];
  readonly activity: {
    readonly connections: number;
    /** Seconds. */
    readonly oldestTransaction: number;
    readonly longestIdle: number;
    readonly blocked: number;
    readonly forgottenPrepared: number;
  };
  readonly archiver: {
    readonly archived: number;
    readonly failed: number;
    readonly lastFailed: string;
    readonly failing: boolean;
    readonly secondsSinceArchived: number | null;
    readonly ready: number;
  };
  readonly sequences: readonly { readonly name: string; readonly usedPercent: number }[];
}

export interface PgBouncerFacts extends PgBouncerHoles {
  readonly version: string;
  /** Its port answers. */
  readonly answers: boolean;
  readonly port: number;
  /** Of its configuration file. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface CertificateFacts {
  /** What it is for: `authority`, `server`, `public`. */
  readonly name: string;
  readonly file: string;
  /** Milliseconds since the epoch; null when it is missing or no certificate. */
  readonly expiresAt: number | null;
  /** Signed by our authority, and its key is the one beside it. */
  readonly trusted: boolean;
}

export interface VolumeFindings {
  readonly allowPlaintext: boolean;
  readonly findings: readonly {
    readonly rule: string;
    readonly level: 'proved' | 'noted' | 'refused';
    readonly subject: string;
    readonly reason: string;
  }[];
}

export interface UnitFacts {
  readonly name: string;
  /** `active`, `failed`, `inactive`; `missing` where systemd knows no such unit. */
  readonly state: string;
  readonly enabled: boolean;
  readonly restarts: number;
  /** Of `systemd-analyze security`, 0 the safest; null where it was not asked. */
  readonly exposure: number | null;
  readonly exposureLimit: number | null;
}

export interface FileFacts {
  readonly path: string;
  /** Permission bits that nobody should have on it: 0o077 of a secret. */
  readonly forbidden: number;
  /** Null when it is not there. */
  readonly mode: number | null;
  readonly required: boolean;
}

export interface DriftFacts {
  readonly target: string;
  readonly note: string;
}

export interface KeyFacts {
  readonly masterKey: 'right' | 'wrong' | 'missing' | 'unproved' | 'credential';
  readonly secretsIdentity: boolean;
  /** Secret files that no key at hand opens cannot be told without opening them; whether there are any. */
  readonly secretFiles: number;
  readonly recoveryKey: boolean;
}

/** From the backups' own books: handed in, as they live in another room. */
export interface BackupFacts {
  /** `you can return to any second between A and B; …`, for `status`. */
  readonly line: string;
  readonly where: string;
  /** Backups are sealed for it; without one none is made. */
  readonly recoveryKey: boolean;
  /** Seconds since the newest base backup was finished; null when there is none. */
  readonly newestAge: number | null;
  /** Seconds by which the clock is behind the newest document of the catalogue. */
  readonly clockBehind?: number;
  /** The store is a directory on the disk that holds the data. */
  readonly sameDisk: boolean;
  /** Seconds since a restore was last proved; null for never. */
  readonly rehearsalAge: number | null;
  /** Seconds since the owner proved to have the recovery key; null for never, undefined where that is not asked. */
  readonly keyProofAge?: number | null;
  /** Seconds since the configuration was kept, or since the first backup; null without one. */
  readonly configAge: number | null;
  /** Seconds by which the store is behind; null when nothing is archived. */
  readonly lag: number | null;
  /** Further places, and by how many seconds each is behind; null for one that has nothing yet. */
  /** Recovery keys that do not open all that is kept. */
  readonly locked: ReadonlyArray<{ readonly recipient: string; readonly epochs: readonly string[] }>;
  readonly copies: ReadonlyArray<{ readonly where: string; readonly behind: number | null }>;
  /** Whether WAL goes to the store all the time. */
  readonly continuous: boolean;
}

/** What the daemon alerts on, or would. */
export interface AlertFacts {
  readonly conditions: ReadonlyArray<{
    readonly severity: 'critical' | 'warning';
    readonly title: string;
    readonly command: string;
  }>;
}

export interface NetworkFacts {
  /** Listening TCP sockets of our ports, and whom they are for. */
  readonly listeners: readonly {
    readonly address: string;
    readonly port: number;
    readonly what: string;
    readonly meant: boolean;
  }[];
  /** Null where the firewall is not ours to set. */
  readonly firewall: boolean | null;
}

export interface ApiFacts {
  readonly url: string;
  /** HTTP status of /readyz; null when nothing answers. */
  readonly status: number | null;
  readonly ms: number;
  readonly reason: string;
  /** Null where none is set. */
  readonly publicUrl: {
    readonly url: string;
    readonly status: number | null;
    readonly reason: string;
    readonly secure: boolean;
  } | null;
}

export interface MailFacts {
  /** Null: letters are kept here, and nobody gets any. */
  readonly server: string | null;
  readonly answers: boolean;
  readonly reason: string;
}
