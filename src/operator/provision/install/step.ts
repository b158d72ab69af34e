import type { JobContext, Observation, Phase } from '../../../foundation/core/observe.ts';

/**
 * One thing that an installed machine has: a package, a file, a user, a running unit. Steps are small, in a fixed
 * order, and know nothing of each other but that what stands before them is done. Ready-made ones are in `kinds/`.
 *
 * Each can be killed anywhere in `apply` and run again: `detect` then tells what is still missing, and `apply` is called
 * again even when `detect` finds nothing, so that a reload which never happened still does.
 */
export interface Step {
  /** `postgres.cluster`: stable, names the step in the journal and in events. */
  readonly id: string;
  /** Lower case, for people: `a Postgres cluster with checksums`. */
  readonly title: string;
  /**
   * What differs from what should be; empty when all is in place. Looks only: it also makes the plan of `--dry-run`, where
   * the steps before it are not done yet (no such user, no such package).
   */
  detect(machine: Machine): Promise<readonly Change[]>;
  /** Makes it so. Before it touches something it hands `record` what brings that thing back. */
  apply(machine: Machine, record: Recorder): Promise<void>;
  /** Proves it as its user would (a login, a request); left out, an empty `detect` is the proof. Throws if not. */
  verify?(machine: Machine): Promise<void>;
  /**
   * Takes back what this step recorded, newest first. Must bear being killed and run again. Data is kept unless `purge`.
   * Records of the kinds in `kinds/` need no code: `undoRecords` brings them back.
   */
  undo(machine: Machine, records: readonly UndoRecord[], options: { readonly purge: boolean }): Promise<void>;
}

/** One line of the plan. */
export interface Change {
  readonly action: 'create' | 'change' | 'remove' | 'run';
  /** A path, a unit, a package, a role. */
  readonly target: string;
  /** Unified diff, where it is text without secrets. */
  readonly diff?: string;
  /** True when what is there now is neither what we wrote nor what we want: somebody else's hand. A copy is kept. */
  readonly foreign?: boolean;
  /** Why, where the target alone does not say it: `port 5432 is taken by 15/main`. */
  readonly note?: string;
}

/** What brings one thing back. `kind` belongs to the step that wrote it; no secrets. */
export interface UndoRecord {
  readonly kind: string;
  readonly target: string;
  readonly [field: string]: string | number | boolean | null;
}

/** Is on disk when it resolves: a record always comes before the touch. */
export type Recorder = (record: UndoRecord) => Promise<void>;

/** The machine that is installed, as steps see it. */
export interface Machine {
  readonly facts: MachineFacts;
  readonly settings: InstallSettings;
  readonly context: JobContext<InstallObservation>;
  readonly journal: JournalView;
  /** Runs a program and fails with PROGRAM_FAILED and its last lines; never with secrets in `argv`. Answers its stdout. */
  run(argv: readonly [string, ...string[]], options?: ProgramOptions): Promise<string>;
  /** As `run`, for looking: a program that fails, or is not there, is an answer too. */
  ask(argv: readonly [string, ...string[]], options?: ProgramOptions): Promise<ProgramAnswer>;
}

export interface ProgramOptions {
  /** Of the machine; root unless told. */
  readonly user?: string;
  readonly input?: string;
  /** Besides PATH and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; 60 000 unless told. */
  readonly timeout?: number;
}

export interface ProgramAnswer {
  /** -1 when it could not be started, or was ended by a signal or the timeout. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is on record about this machine. */
export interface JournalView {
  /** Records that were not taken back yet, oldest first: about one thing, or of one step. */
  about(target: string): readonly UndoRecord[];
  ofStep(id: string): readonly UndoRecord[];
  /** Copies a file, durably, to where only root reads it. Answers its SHA-256, which is also its name there. */
  keep(file: string): Promise<string>;
  /** Where the copy of that SHA-256 lies. */
  keptAt(sha256: string): string;
}

export interface MachineFacts {
  /** Of /etc/os-release: `debian`, `13`, `trixie`. */
  readonly os: { readonly id: string; readonly version: string; readonly codename: string };
  /** RAM, or the container's limit. */
  readonly memoryBytes: number;
  readonly cores: number;
  readonly systemd: number;
  /** Of systemd-detect-virt: `none`, `kvm`, `systemd-nspawn`. */
  readonly virtualization: string;
}

/** What the owner chose; kept in `vectabase.yml` under `install:` so that a second run needs no flags. */
export interface InstallSettings {
  readonly postgresMajor: 16 | 17 | 18;
  readonly postgresPort: number;
  readonly poolerPort: number;
  readonly apiPort: number;
  /** `https://api.shop.example`; absent: the API stays on loopback. */
  readonly publicUrl: string | undefined;
  /** Who ends TLS for the public URL. */
  readonly edge: 'caddy' | 'own-certificate' | 'none';
  /** Who signs the certificate that Caddy gets: a public authority, or one of its own, for tests and closed networks. */
  readonly certificateAuthority: 'acme' | 'internal';
  /** Where the public authority writes before a certificate ends. */
  readonly acmeEmail: string | undefined;
  /** PEM files of the owner, for `own-certificate`. */
  readonly certificateFile: string | undefined;
  readonly certificateKeyFile: string | undefined;
  readonly volume: Volume;
  readonly volumeKey: 'auto' | 'credential' | 'tpm2' | 'passphrase';
  /** Where the volume's recovery key is written, when nobody is there to be shown it. Told by a flag alone. */
  readonly recoveryFile: string | undefined;
  /** Of a volume that is to be made with one, where it was typed beforehand. Never written down. */
  readonly passphrase: string | undefined;
  /** Addresses that Postgres and PgBouncer listen on besides loopback. */
  readonly listen: readonly string[];
  /** Ports that everybody may reach besides ours and ssh. */
  readonly openPorts: readonly number[];
  /** Whether the nftables table, unattended upgrades and journald caps are ours to set. */
  readonly hardenHost: boolean;
}

export type Volume =
  | { readonly kind: 'luks'; readonly device: string }
  | { readonly kind: 'luks-file'; readonly bytes: number }
  | { readonly kind: 'fscrypt' }
  /** The directory is proved to be encrypted already. */
  | { readonly kind: 'existing' }
  /** Only with `--allow-plaintext`; `status` says so each time. */
  | { readonly kind: 'plaintext' };

/** Everything noteworthy that install and uninstall say. */
export type InstallObservation = Observation & { event: `install.${string}.${Phase}` } & (
    | { event: 'install.step.started'; id: string; title: string; step: number; of: number }
    | { event: 'install.step.finished'; id: string; title: string; changed: boolean; changes: number; ms: number }
    | { event: 'install.step.failed'; id: string; title: string; code: string; ms: number }
    /** A file had been changed by somebody else; what it was is kept at `savedTo`. */
    | { event: 'install.foreign.noted'; id: string; target: string; savedTo: string }
    | { event: 'install.machine.noted'; id: string; note: string }
  );
