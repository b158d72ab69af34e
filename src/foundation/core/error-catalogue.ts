/**
 * Every error an operator can meet: code → exit code and one line of documentation.
 * `docs/errors.md` is generated from this table. A retired code stays as a comment and is never reused.
 *
 * Exit codes (docs/architecture.md): 1 bug · 2 usage or configuration · 3 cancelled · 4 key missing or not authorised ·
 * 5 precondition not met · 6 finished with differences · 7 other side unreachable · 75 stopped part-way · 130 interrupted.
 */
export const ERROR_CATALOGUE = {
  BUG: { exitCode: 1, doc: 'Something the authors did not foresee. The message and `details` belong in a bug report.' },

  USAGE: { exitCode: 2, doc: 'A flag or argument is missing, unknown or contradicts another one.' },
  CONFIG_INVALID: {
    exitCode: 2,
    doc: '`vectabase.yml` or a `VECTABASE_*` variable holds a value that is not accepted, or a key that is not known.',
  },
  CONNECTION_STRING_INVALID: {
    exitCode: 2,
    doc: 'A Postgres connection string cannot be parsed or lacks a host, user or database.',
  },
  CONFIRMATION_REQUIRED: { exitCode: 2, doc: 'A destructive action needs the name typed back, or `--confirm NAME`.' },
  CANCELLED: { exitCode: 3, doc: 'The person at the prompt said no. Nothing was changed.' },

  MASTER_KEY_MISSING: {
    exitCode: 4,
    doc: 'The installation was made with a master key that is not there now, so Postgres is not started.',
  },
  MASTER_KEY_WRONG: {
    exitCode: 4,
    doc: 'The master key that was found is not the one the installation was made with.',
  },
  MASTER_KEY_EXISTS: {
    exitCode: 5,
    doc: 'A master key would be made where there is one, or where the database was made with another one.',
  },
  SECRET_INVALID: { exitCode: 2, doc: 'A name or value that cannot be an environment variable, so no secret either.' },
  SECRETS_KEY_MISSING: { exitCode: 4, doc: 'The private key that opens the secrets is not there, or not readable.' },
  SECRETS_KEY_WRONG: { exitCode: 4, doc: 'No private key at hand, or not the passphrase given, opens the file.' },
  SECRETS_LOCKED: { exitCode: 4, doc: 'The private key is protected by a passphrase, and there is nobody to ask.' },
  BACKUP_KEY_MISSING: {
    exitCode: 4,
    doc: 'Backups are sealed for a recovery key, and there is none, or not this one.',
  },
  STORE_REFUSED: { exitCode: 4, doc: 'A place where backups are kept did not let us in, or is not the one it was.' },
  DATABASE_AUTH_FAILED: { exitCode: 4, doc: 'Postgres refused the user name or password.' },
  DATABASE_PERMISSION: { exitCode: 4, doc: 'The database role lacks a right that the step needs.' },

  PRECONDITION_FAILED: { exitCode: 5, doc: 'This machine lacks something that the step needs; the message names it.' },
  LOCK_HELD: { exitCode: 5, doc: 'Another process works on the same directory or target.' },
  NOT_BUILT: { exitCode: 5, doc: 'A clone that is not compiled yet and cannot be compiled where it lies.' },
  PORT_IN_USE: { exitCode: 5, doc: 'A port that should be opened is taken by another program.' },
  POSTGRES_BINARIES_MISSING: { exitCode: 5, doc: 'No Postgres server binaries for this platform were found.' },
  POSTGRES_START_FAILED: { exitCode: 5, doc: 'The Postgres server did not start; the end of its log is in `details`.' },
  DAEMON_START_FAILED: { exitCode: 5, doc: 'The API daemon did not start; the end of its log is in `details`.' },
  POSTGRES_VERSION: { exitCode: 5, doc: 'The Postgres version on one side is not supported for this step.' },
  SCHEMA_NEWER: { exitCode: 5, doc: 'The database was set up by a newer release than the one that runs now.' },
  SCHEMA_EDITED: {
    exitCode: 5,
    doc: 'A schema step that the database has applied differs from the file of this release.',
  },
  SCHEMA_FAILED: { exitCode: 5, doc: 'Postgres refused a schema step. Nothing of that step was kept.' },
  DISK_FULL: { exitCode: 5, doc: 'There is not enough disk space.' },
  INSTALLATION_MISSING: { exitCode: 5, doc: 'The directory holds no Vectabase installation, or it is not running.' },

  PROGRAM_FAILED: {
    exitCode: 5,
    doc: 'A program of the system that a step needs failed; `details` holds its last lines.',
  },
  PACKAGES_UNAVAILABLE: {
    exitCode: 7,
    doc: '`apt` cannot install what a step needs: its mirror is unreachable, or does not have it. Safe to run again.',
  },
  UNIT_FAILED: { exitCode: 5, doc: 'A systemd unit does not start; `details` holds the end of its log.' },

  VOLUME_LOCKED: { exitCode: 4, doc: 'The encrypted volume is locked, so nothing that needs it is started.' },
  VOLUME_KEY_WRONG: { exitCode: 4, doc: 'The key or passphrase that was given does not open the encrypted volume.' },
  VOLUME_PLAINTEXT: {
    exitCode: 5,
    doc: 'Something that Postgres writes is not proved to be encrypted on disk, so Postgres is not started.',
  },
  VOLUME_OCCUPIED: {
    exitCode: 5,
    doc: 'An encrypted volume would be made where something is already. Nothing was touched.',
  },
  VOLUME_BUSY: { exitCode: 5, doc: 'The encrypted volume is in use, so it was not locked.' },

  KEYS_INVALID: { exitCode: 5, doc: 'A file of keys is not what it should be. Nothing of it is quoted.' },
  KEY_NOT_FOUND: { exitCode: 5, doc: 'No key, or more than one, has that name.' },
  KEY_IN_USE: { exitCode: 5, doc: 'The key that signs cannot be revoked: another one must sign first.' },

  SECRET_MISSING: { exitCode: 5, doc: 'The secrets of this environment hold no such name.' },
  SECRETS_FILE_INVALID: {
    exitCode: 5,
    doc: 'A file of secrets is damaged, or what was given is not the format that it should be. Lines are named, never quoted.',
  },
  SECRETS_AUDIT_FAILED: {
    exitCode: 5,
    doc: 'The log of accesses could not be written, so the access was refused.',
  },

  ENCRYPTION_BLOCKED: {
    exitCode: 5,
    doc: 'A column of the policy cannot be encrypted as it is; the message names it and what to change.',
  },
  ENCRYPTION_BUSY: { exitCode: 5, doc: 'Another change of encrypted columns or keys is under way.' },
  ENCRYPTION_DAMAGED: {
    exitCode: 6,
    doc: 'Encrypted values or the stored keys were changed or moved outside of Vectabase, and do not open.',
  },
  ENCRYPTION_UNFINISHED: {
    exitCode: 6,
    doc: 'Values of columns that are being encrypted, or undone, stand in plaintext. Run that command again.',
  },
  OBJECT_EXISTS: { exitCode: 5, doc: 'A store holds another object of that name, and objects are never written over.' },
  OBJECT_MISSING: { exitCode: 5, doc: 'A store does not hold an object that should be there.' },
  PRUNE_REFUSED: {
    exitCode: 5,
    doc: 'Retention takes nothing away while the clock is behind the catalogue or two days ahead of it, or after a backup that failed.',
  },
  BACKUP_MISSING: { exitCode: 5, doc: 'There is no such backup, or none at all.' },
  RESTORE_UNREACHABLE: {
    exitCode: 5,
    doc: 'The moment to restore to is not in the archive; the message names the nearest one that is.',
  },
  INCREMENTAL_REFUSED: {
    exitCode: 5,
    doc: 'Nothing tells what changed since the backup before, so only a full one can be taken.',
  },
  BACKUP_WAL_REFUSED: { exitCode: 5, doc: 'A file that should be archived is no WAL of this cluster.' },

  USER_NOT_FOUND: { exitCode: 5, doc: 'No account, or more than one, goes by that address, number or id.' },
  USER_EXISTS: { exitCode: 5, doc: 'The address has an account already.' },
  USER_IN_USE: { exitCode: 5, doc: 'Rows of another table hold on to the account. Nothing was deleted.' },

  MIGRATE_BLOCKED: {
    exitCode: 5,
    doc: '`migrate plan` found something that must be mended before a byte moves. Each blocker carries its fix.',
  },
  MIGRATE_TARGET_NOT_EMPTY: {
    exitCode: 5,
    doc: 'The target already holds objects or rows that the migration would make.',
  },
  MIGRATE_RUN_EXISTS: { exitCode: 5, doc: 'The target holds an unfinished migration: resume it or abort it.' },
  MIGRATE_NO_RUN: { exitCode: 5, doc: 'The target holds no migration to resume, show, verify or abort.' },
  MIGRATE_ABORT_BLOCKED: {
    exitCode: 5,
    doc: 'Something of your own was built on what `migrate abort` would take away, so nothing was taken away.',
  },
  MIGRATE_SOURCE_CHANGED: { exitCode: 5, doc: 'The schema of the source changed since the plan was made.' },
  MIGRATE_SOURCE_OTHER: {
    exitCode: 5,
    doc: 'The source given is not the project that the unfinished migration was started from.',
  },

  AUDIT_REFUSED: {
    exitCode: 5,
    doc: 'Postgres refused the change that an audit proposed, or its way back. Nothing of it was kept.',
  },
  AUDIT_NOTHING_TO_UNDO: { exitCode: 5, doc: 'No change of an audit is on record in this database.' },

  MIGRATE_DIFFERENCES: {
    exitCode: 6,
    doc: 'The copy finished, and verification found differences. The report names each table and object.',
  },
  SECRETS_DIFFER: { exitCode: 6, doc: '`secrets diff` found names that differ; `details` names them, never a value.' },
  SECRETS_FINDINGS: { exitCode: 6, doc: '`secrets check` found secrets that are missing or malformed.' },
  SECRETS_AUDIT_BROKEN: { exitCode: 6, doc: 'The log of accesses was changed by somebody else than Vectabase.' },

  AUDIT_FINDINGS: { exitCode: 6, doc: '`audit policies` found what strangers can reach and probably should not.' },
  INDEXES_ADVISED: {
    exitCode: 6,
    doc: '`db advise` found indexes that are missing or broken, or could not build some of them.',
  },

  BACKUP_DAMAGED: {
    exitCode: 6,
    doc: 'A backup is not what was written: changed, cut, renamed or of another cluster. Nothing of it was kept.',
  },
  BACKUP_UNSIGNED: {
    exitCode: 6,
    doc: 'A backup stands in no catalogue that was signed here: it may be anybody’s who knows your public key.',
  },
  BACKUPS_AMISS: {
    exitCode: 6,
    doc: '`backup status` found what an owner should not sleep on (`details.problems`), or `backup keys add` what no key at hand opens (`details.epochs`).',
  },
  CATALOGUE_BROKEN: {
    exitCode: 6,
    doc: 'The catalogue of the backups is not one signed chain: `details.reason` is missing, changed, foreign, rolled-back or newer.',
  },

  INSTALL_UNPROVEN: {
    exitCode: 6,
    doc: 'A step of `install` was applied, and what it set is not so: another program sets it too.',
  },

  RESTORE_UNPROVEN: {
    exitCode: 6,
    doc: 'A restored copy came to rest in the wrong place or is not sound. The installation was not touched.',
  },
  BACKUP_WAL_DIFFERS: {
    exitCode: 6,
    doc: 'A file of WAL was archived before with another content: two servers archive to one place, or one was set back.',
  },
  BACKUP_WAL_MISSING: {
    exitCode: 6,
    doc: 'A store lacks WAL that its catalogue names, so nothing is replayed past it.',
  },

  UPGRADE_RETURNED: {
    exitCode: 6,
    doc: 'A release could not be installed or was not healthy; the one before it runs again.',
  },
  UPGRADE_STUCK: {
    exitCode: 6,
    doc: 'A release was not healthy, and neither is the one before it. `upgrade` goes on once that is mended.',
  },
  DOCTOR_FINDINGS: { exitCode: 6, doc: '`status` or `doctor` found something broken; each finding names its command.' },

  SERVER_DIED: {
    exitCode: 7,
    doc: 'Postgres or the API daemon ended while `vectabase up` ran; the rest was stopped. Safe to run again.',
  },
  STORE_UNREACHABLE: { exitCode: 7, doc: 'A place where backups are kept cannot be used now. Safe to run again.' },
  DATABASE_UNREACHABLE: { exitCode: 7, doc: 'No connection to a Postgres server could be made. Safe to run again.' },

  HOST_UNREACHABLE: {
    exitCode: 7,
    doc: 'Another machine cannot be reached over ssh, or the connection to it broke. Safe to run again.',
  },
  UPGRADE_FETCH_FAILED: { exitCode: 7, doc: 'A package could not be fetched or unpacked. Nothing was changed.' },
  ALERT_FAILED: { exitCode: 7, doc: 'A test alert reached not everybody; the message says who did not take it.' },
  MAIL_FAILED: {
    exitCode: 7,
    doc: 'The mail server did not take a letter; `details.reason` is what it said. Safe to run again.',
  },

  MIGRATE_STOPPED: { exitCode: 75, doc: 'The migration stopped part-way. What is done is kept; `--resume` continues.' },
  INDEXES_STOPPED: {
    exitCode: 75,
    doc: '`db advise --apply` stopped part-way. What was built is kept; the same command goes on.',
  },
  INSTALL_STOPPED: {
    exitCode: 75,
    doc: '`install` or `uninstall` stopped between two steps. What is done is kept; the same command goes on.',
  },
  RESTORE_STOPPED: {
    exitCode: 75,
    doc: 'A restore stopped while the data directory was replaced. Both are there; `backup restore --resume` continues.',
  },
  UPGRADE_STOPPED: {
    exitCode: 75,
    doc: '`upgrade` stopped between two steps. What is done is kept; the same command goes on.',
  },
  INTERRUPTED: { exitCode: 130, doc: 'Stopped by the operator with nothing to resume.' },
} as const satisfies Record<string, { exitCode: number; doc: string }>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
