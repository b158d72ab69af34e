import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, rmdirSync } from 'node:fs';
import { mkdtemp, readlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { trixieTree, type TreeKind } from './trixie-cache.ts';

export interface TreeOptions {
  /** Shown read-only at the same path inside. The repository always is, at `/vectabase`. */
  readonly show?: readonly string[];
  /**
   * Where changes to the tree go. `memory`: an overlay in RAM that ends with the tree, also at a reboot.
   * `disk`: an own copy (3 s), which lives through reboots.
   */
  readonly changes?: 'memory' | 'disk';
  /**
   * `host` (as told nothing): the host's own, so ports must be free there. `private`: loopback and nothing else, so every
   * port is free and nobody is reachable.
   */
  readonly network?: 'host' | 'private';
  /** Devices of the host that are seen inside under the same name: loop devices, mostly. */
  readonly devices?: readonly string[];
  /** `postgres` (as told nothing) has Postgres and PgBouncer installed; `bare` finds them with apt, without a network. */
  readonly kind?: TreeKind;
}

export interface RunOptions {
  /** A user of the tree; root unless told. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** An exit code other than 0 is an error unless this is false. */
  readonly check?: boolean;
}

export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** On disk, also where /tmp is in memory: databases of some GB lie here. */
const HOSTS = '/var/tmp';
const PREFIX = 'vectabase-trixie-';
const REPOSITORY = findRepository();
/** EXIT_FORCE_RESTART of systemd. */
const REBOOT = 133;
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/root',
};

/**
 * A booted Debian 13 with its own systemd, processes and files.
 * Nothing outlives it: mounts live in its own namespace, and the kernel sends its manager SIGTERM when we die.
 */
export class TrixieTree {
  readonly #start: () => ChildProcess;
  #manager: ChildProcess;
  readonly #log: string[];
  readonly #cgroups: readonly string[];
  readonly #host: string;
  /** A directory on disk, seen inside as `/scratch`. Removed by `stop`. */
  readonly scratch: string;

  private constructor(start: () => ChildProcess, log: string[], cgroups: readonly string[], host: string) {
    this.#start = start;
    this.#manager = start();
    this.#log = log;
    this.#cgroups = cgroups;
    this.#host = host;
    this.scratch = path.join(host, 'scratch');
  }

  /** Boots and waits until systemd has started everything (about 3 s, and once 50 s to build the tree). */
  static async boot(options: TreeOptions = {}): Promise<TrixieTree> {
    const cached = await trixieTree(options.kind ?? 'postgres');
    sweep();
    const host = await mkdtemp(path.join(HOSTS, `${PREFIX}${process.pid}-`));
    mkdirSync(path.join(host, 'scratch'), { mode: 0o777 });
    const root = options.changes === 'disk' ? path.join(host, 'root') : cached;
    if (root !== cached) await finished(spawn('cp', ['-a', '--reflink=auto', cached, root], { stdio: 'inherit' }));
    const cgroups = ownCgroups(path.basename(host));
    const join = cgroups.map((directory) => `echo $$ > ${directory}/cgroup.procs`).join('; ') || ':';
    const log: string[] = [];
    const start = (): ChildProcess => {
      const manager = spawn(
        'setpriv',
        ['--pdeathsig', 'TERM', 'sh', '-c', `${join}; exec "$@"`, 'sh', ...nspawn(root, host, options)],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      for (const stream of [manager.stdout, manager.stderr])
        stream.on('data', (chunk: Buffer) => log.push(chunk.toString()));
      return manager;
    };
    const tree = new TrixieTree(start, log, cgroups, host);
    try {
      await tree.#booted();
    } catch (error) {
      await tree.stop();
      throw error;
    }
    return tree;
  }

  /** Runs a command inside and waits for it. */
  async run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const child = this.spawn(command, options);
    const output = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
    const code = await finished(child);
    if (code !== 0 && options.check !== false) {
      throw new Error(`${command.join(' ')} ended with ${String(code)}: ${output.stderr}${output.stdout}`);
    }
    return { code, ...output };
  }

  /** Starts a command inside. Its process id is the host's, so signals reach it directly. */
  spawn(command: readonly string[], options: RunOptions = {}): ChildProcess {
    const as =
      options.user === undefined
        ? []
        : ['setpriv', `--reuid=${options.user}`, `--regid=${options.user}`, '--init-groups'];
    const args = ['-t', String(this.leader()), '--all', '--wdns=/', ...as, ...command];
    return spawn('nsenter', args, { env: { ...ENVIRONMENT, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** The host's process id of the tree's pid 1; a new one after each reboot. */
  leader(): number {
    const pid = String(this.#manager.pid);
    const [leader] = readdirSync(`/proc/${pid}/task`)
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' '))
      .filter((child) => child !== '');
    if (leader === undefined) throw new Error(`the tree is not running:\n${this.#log.join('')}`);
    return Number(leader);
  }

  /** Restarts it, as `systemctl reboot` does, and waits until it has started everything. Needs `changes: 'disk'`. */
  async reboot(): Promise<void> {
    const before = this.leader();
    await this.run(['systemctl', 'reboot'], { check: false });
    for (const deadline = Date.now() + 120_000; this.#runs(before); await sleep(100)) {
      if (Date.now() > deadline) throw new Error(`the tree did not shut down:\n${this.#log.join('')}`);
    }
    // Without a systemd on the host, its manager ends with the wish to be started again.
    if (this.#manager.exitCode === REBOOT) this.#manager = this.#start();
    await this.#booted();
  }

  #runs(leader: number): boolean {
    try {
      return this.#manager.exitCode === null && this.leader() === leader;
    } catch {
      return this.#manager.exitCode === null; // between the two
    }
  }

  /** Shuts down as a power button would, and removes everything that the tree left on the host. */
  async stop(): Promise<void> {
    if (this.#manager.exitCode === null && this.#manager.signalCode === null) {
      const ended = finished(this.#manager);
      this.#manager.kill('SIGTERM');
      const patience = sleep(60_000, 'late', { ref: false });
      if ((await Promise.race([ended, patience])) === 'late') {
        this.#manager.kill('SIGKILL'); // takes pid 1 of the namespace along, and so everything inside
        await ended;
      }
    }
    for (const directory of this.#cgroups) removeCgroup(directory);
    rmSync(this.#host, { recursive: true, force: true });
  }

  async #booted(): Promise<void> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      if (this.#manager.exitCode !== null) throw new Error(`the tree did not boot:\n${this.#log.join('')}`);
      if (await this.#separate()) {
        const { stdout } = await this.run(['systemctl', 'is-system-running', '--wait'], { check: false });
        if (/^(running|degraded)$/.test(stdout.trim())) return;
      }
      if (Date.now() > deadline) throw new Error(`the tree did not finish booting:\n${this.#log.join('')}`);
      await sleep(100);
    }
  }

  /** Before systemd-nspawn has unshared, its child still sees our world: never run a command there. */
  async #separate(): Promise<boolean> {
    try {
      const leader = this.leader();
      const [theirs, ours] = await Promise.all([readlink(`/proc/${leader}/ns/pid`), readlink('/proc/self/ns/pid')]);
      return theirs !== ours && readFileSync(`/proc/${leader}/comm`, 'utf8').trim() === 'systemd';
    } catch {
      return false;
    }
  }
}

function nspawn(root: string, host: string, options: TreeOptions): string[] {
  const shown = [REPOSITORY, ...(options.show ?? [])];
  const linked = shown.flatMap((directory) => linkTarget(path.join(directory, 'node_modules')));
  // Where systemd is pid 1, it must give the tree a cgroup of its own; elsewhere there is none to ask.
  const scope = existsSync('/run/systemd/system') ? [] : ['--keep-unit'];
  return [
    'systemd-nspawn',
    '--quiet',
    '--boot',
    '--register=no',
    ...scope,
    `--directory=${root}`,
    `--machine=${path
      .basename(host)
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, '')}`,
    ...(options.changes === 'disk' ? [] : ['--volatile=overlay']),
    '--link-journal=no',
    '--console=pipe',
    '--timezone=off',
    ...(options.network === 'private' ? ['--private-network', '--resolv-conf=off'] : ['--resolv-conf=copy-host']),
    ...(options.devices ?? []).map((device) => `--bind=${device}`),
    `--bind-ro=${REPOSITORY}:/vectabase`,
    ...[...shown.slice(1), ...linked].map((directory) => `--bind-ro=${directory}:${directory}`),
    `--bind=${path.join(host, 'scratch')}:/scratch`,
  ];
}

/** Installed packages may be shared by several checkouts: the link must lead somewhere inside, too. */
function linkTarget(file: string): string[] {
  return existsSync(file) && lstatSync(file).isSymbolicLink() ? [realpathSync(file)] : [];
}

/** Removes what a run that was killed left behind. Its tree has ended with it: see pdeathsig. */
function sweep(): void {
  for (const name of readdirSync(HOSTS)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      for (const root of CGROUP_ROOTS) removeCgroup(path.join(root, name));
      rmSync(path.join(HOSTS, name), { recursive: true, force: true });
    } catch {
      // It is still shutting down; the next boot finds it again.
    }
  }
}

const CGROUP_ROOTS = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup'];

/** Two trees in one cgroup would fight over its children. Only needed where no systemd hands out scopes. */
function ownCgroups(name: string): string[] {
  if (existsSync('/run/systemd/system')) return [];
  const own = CGROUP_ROOTS.filter((root) => existsSync(`${root}/cgroup.procs`)).map((root) => path.join(root, name));
  for (const directory of own) mkdirSync(directory);
  return own;
}

function removeCgroup(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(path.join(directory, entry.name));
  }
  rmdirSync(directory);
}

/** This file runs from the sources under vitest, and compiled from another depth under the benches. */
function findRepository(): string {
  let directory = import.meta.dirname;
  while (!existsSync(path.join(directory, 'package.json'))) directory = path.dirname(directory);
  return directory;
}

async function finished(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null) return resolve(child.exitCode);
    child.on('error', reject);
    child.on('close', (code) => resolve(code));
  });
}
