import { readFile, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from '../step.ts';

/** What decides whether this machine can be installed, as it is now. */
export interface Surroundings {
  /** Free bytes of the file system that will hold the data, and of the one with /usr and /opt. */
  readonly freeData: number;
  readonly freeSystem: number;
  /** Milliseconds since the epoch: now, and when a file of this system was written, which cannot lie ahead. */
  readonly now: number;
  readonly writtenAt: number;
  readonly clockSynchronized: boolean;
  readonly swapBytes: number;
  readonly listeners: readonly Listener[];
  /** `15/main`, of Debian's clusters. */
  readonly clusters: ReadonlyArray<{ readonly name: string; readonly port: number }>;
  /** `ufw`, `firewalld`: another program that owns the rules. */
  readonly firewalls: readonly string[];
  /** Something of ours is on record here. */
  readonly installed: boolean;
}

export interface Listener {
  readonly port: number;
  /** `postgres (pid 812, unit postgresql@15-main.service)` */
  readonly who: string;
  /** The unit is one that an earlier run set up. */
  readonly ours: boolean;
}

export async function lookAround(machine: Machine): Promise<Surroundings> {
  const [freeData, freeSystem, writtenAt, ntp, swapBytes, listeners, clusters, firewalls] = await Promise.all([
    freeBytes('/var/lib'),
    freeBytes('/usr'),
    newestOf(['/var/lib/dpkg/status', '/usr/lib/os-release', '/var/log/dpkg.log']),
    machine.ask(['timedatectl', 'show', '--property=NTPSynchronized', '--value']),
    swap(),
    listening(machine),
    clustersOf(machine),
    activeOf(machine, ['ufw', 'firewalld']),
  ]);
  const clockSynchronized = ntp.stdout.trim() === 'yes';
  const now = machine.context.clock.now();
  const installed = machine.journal.ofStep('package.release').length > 0;
  return {
    freeData,
    freeSystem,
    now,
    writtenAt,
    clockSynchronized,
    swapBytes,
    listeners,
    clusters,
    firewalls,
    installed,
  };
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

async function newestOf(files: readonly string[]): Promise<number> {
  const times = await Promise.all(
    files.map(async (file) =>
      stat(file).then(
        (found) => found.mtimeMs,
        () => 0,
      ),
    ),
  );
  return Math.max(...times);
}

async function swap(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  return Number(/^SwapTotal:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** TCP ports that somebody listens on, with the unit that he runs in. */
async function listening(machine: Machine): Promise<Listener[]> {
  const { stdout } = await machine.ask(['ss', '--no-header', '--listening', '--tcp', '--numeric', '--processes']);
  return Promise.all(
    parseListeners(stdout).map(async ({ port, program, pid }) => {
      const unit = pid === undefined ? undefined : await unitOf(pid);
      const who = [program, pid === undefined ? '' : `pid ${pid}`, unit === undefined ? '' : `unit ${unit}`];
      const own = pid === 1 ? await socketsOf(machine, port) : unit === undefined ? [] : [unit];
      return {
        port,
        who: who.filter((part) => part !== '').join(', ') || 'an unknown program',
        ours: own.some((name) => machine.journal.about(name).length > 0),
      };
    }),
  );
}

interface RawListener {
  readonly port: number;
  readonly program: string;
  readonly pid: number | undefined;
}

/** Lines of `ss -Hltnp`. */
export function parseListeners(text: string): RawListener[] {
  return text.split('\n').flatMap((line): RawListener[] => {
    const port = /^LISTEN\s+\d+\s+\d+\s+\S*:(\d+)\s/.exec(line)?.[1];
    if (port === undefined) return [];
    const [, program = '', pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(line) ?? [];
    return [{ port: Number(port), program, pid: pid === undefined ? undefined : Number(pid) }];
  });
}

async function unitOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const units = text.split('\n').map((line) => path.basename(line));
  return units.find((name) => name.endsWith('.service'));
}

/** systemd itself listens for socket units. */
async function socketsOf(machine: Machine, port: number): Promise<string[]> {
  const { stdout } = await machine.ask(['systemctl', 'list-sockets', '--no-legend', '--full', '--plain']);
  return stdout.split('\n').flatMap((line) => {
    const [listen = '', unit = ''] = line.trim().split(/\s+/);
    return listen.endsWith(`:${port}`) ? [unit] : [];
  });
}

async function clustersOf(machine: Machine): Promise<Array<{ name: string; port: number }>> {
  const { exitCode, stdout } = await machine.ask(['pg_lsclusters', '--no-header']);
  if (exitCode !== 0) return [];
  return stdout.split('\n').flatMap((line) => {
    const [version, cluster, port] = line.trim().split(/\s+/);
    return port === undefined ? [] : [{ name: `${version ?? ''}/${cluster ?? ''}`, port: Number(port) }];
  });
}

async function activeOf(machine: Machine, units: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    units.map(async (unit) =>
      (await machine.ask(['systemctl', 'is-active', '--quiet', unit])).exitCode === 0 ? unit : '',
    ),
  );
  return found.filter((unit) => unit !== '');
}
