import { readFile, readdir } from 'node:fs/promises';
import type { Machine } from '../step.ts';
import { parseSockets } from './sockets.ts';

/** Every port at which somebody may be logged in, or log in: a firewall that forgets one locks its owner out. */
export async function sshPorts(machine: Pick<Machine, 'ask'>): Promise<number[]> {
  const [listening, sessions, configured, socket] = await Promise.all([
    machine.ask(['ss', '-Htlnp']),
    machine.ask(['ss', '-Htnp', 'state', 'established']),
    machine.ask(['sshd', '-T']),
    machine.ask(['systemctl', 'show', '--property=ActiveState,Listen', 'ssh.socket']),
  ]);
  const held = parseSockets(`${listening.stdout}\n${sessions.stdout}`).filter(({ programs }) => programs.some(isSshd));
  const ports = [
    ...held.map(({ port }) => port),
    ...numbers(configured.stdout, /^port (\d+)$/gm),
    // Ubuntu lets systemd listen.
    ...(socket.stdout.includes('ActiveState=active') ? numbers(socket.stdout, /^Listen=.*?:(\d+) \(Stream\)$/gm) : []),
  ];
  return [...new Set(ports.length === 0 ? [22] : ports)].toSorted((a, b) => a - b);
}

/** When each ssh session that is logged in began, in milliseconds since the epoch. */
export async function sshSessions(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const bootedAt = await bootTime();
  const found = await Promise.all(
    pids.map(async (pid) => {
      const title = await textOf(`/proc/${pid}/cmdline`);
      // `sshd-session: root@pts/0`, `sshd: root@notty`; before the login there is no @.
      if (!/^sshd(-session)?: \S+@/.test(title)) return [];
      const stat = await textOf(`/proc/${pid}/stat`);
      const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
      return Number.isNaN(ticks) ? [] : [bootedAt + (ticks / TICKS_PER_SECOND) * 1000];
    }),
  );
  return found.flat();
}

/** USER_HZ, the same on all of Linux' architectures that matter. */
const TICKS_PER_SECOND = 100;

/** To 10 ms; /proc/stat tells it to a second only. */
async function bootTime(): Promise<number> {
  return Date.now() - Number((await textOf('/proc/uptime')).split(' ')[0]) * 1000;
}

function isSshd(program: string): boolean {
  return program === 'sshd' || program === 'sshd-session';
}

function numbers(text: string, pattern: RegExp): number[] {
  return [...text.matchAll(pattern)].map(([, port]) => Number(port));
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
