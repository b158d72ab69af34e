import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { InstallSettings, MachineFacts } from '../step.ts';
import type { Surroundings } from './probe.ts';

export interface Verdict {
  /** What has to change first; the most fundamental one comes first. */
  readonly refusals: readonly VectabaseError[];
  /** What the owner should know, each a short sentence. */
  readonly notes: readonly string[];
}

const GB = 2 ** 30;
const MB = 2 ** 20;

/** Smallest machine that Postgres, PgBouncer and the API fit on; "1 GB" of most providers is 960 MB. */
const LEAST_MEMORY = 700 * MB;
/** Packages take 0.5 GB, an empty cluster with its log 0.2 GB; the rest is room for data and a first backup. */
const LEAST_DATA = 2 * GB;
const LEAST_SYSTEM = 1.5 * GB;
const LEAST_WHEN_INSTALLED = 200 * MB;
/** A clock may jump a little when it is set for the first time after a boot. */
const CLOCK_SLACK_MS = 600_000;

const SUPPORTED = new Set(['debian 12', 'debian 13', 'ubuntu 22.04', 'ubuntu 24.04']);

/** Decides from facts alone whether this machine can be installed as the settings want it. */
export function judge(facts: MachineFacts, settings: InstallSettings, around: Surroundings): Verdict {
  const refusals = [system(facts), init(facts), clock(around), memory(facts), disk(around), ...ports(settings, around)];
  return {
    refusals: refusals.filter((each) => each !== undefined),
    notes: notesOn(facts, settings, around),
  };
}

function system({ os }: MachineFacts): VectabaseError | undefined {
  if (SUPPORTED.has(`${os.id} ${os.version}`)) return undefined;
  const name = [os.id, os.version].filter((part) => part !== '').join(' ') || 'an unknown system';
  return refusal(
    `this is ${name}; packages, paths and units are known for Debian 12 and 13 and Ubuntu 22.04 and 24.04`,
    'Set up one of those, or run the servers in the foreground with vectabase up.',
    { system: name },
  );
}

function init({ systemd }: MachineFacts): VectabaseError | undefined {
  if (systemd >= 249) return undefined;
  return refusal(
    systemd === 0 ? 'systemd does not run here' : `systemd ${systemd} is too old: 249 is the oldest that fits`,
    'In a container without an init, use vectabase up; elsewhere boot the machine with systemd.',
    { systemd },
  );
}

function clock({ now, writtenAt }: Surroundings): VectabaseError | undefined {
  if (now >= writtenAt - CLOCK_SLACK_MS) return undefined;
  return refusal(
    `the clock says ${new Date(now).toISOString()}, but this system wrote files at ${new Date(writtenAt).toISOString()}`,
    'Set the clock: timedatectl set-ntp true, or date --set. Certificates, tokens and recovery to a point in time rest on it.',
    { now, writtenAt },
  );
}

function memory({ memoryBytes }: MachineFacts): VectabaseError | undefined {
  if (memoryBytes >= LEAST_MEMORY) return undefined;
  return refusal(
    `${Math.round(memoryBytes / MB)} MB of memory are too few`,
    'Take a machine, or give the container a limit, of 1 GB at least.',
    { memoryBytes },
  );
}

function disk({ freeData, freeSystem, installed }: Surroundings): VectabaseError | undefined {
  const short = [
    { at: '/var/lib', free: freeData, least: installed ? LEAST_WHEN_INSTALLED : LEAST_DATA },
    { at: '/usr', free: freeSystem, least: installed ? LEAST_WHEN_INSTALLED : LEAST_SYSTEM },
  ].find(({ free, least }) => free < least);
  if (short === undefined) return undefined;
  return new VectabaseError('DISK_FULL', {
    message: `${Math.round(short.free / MB)} MB are free at ${short.at}, and ${Math.round(short.least / MB)} are needed`,
    hint: `Free some space (du -xh --max-depth=2 ${short.at} | sort -h shows where it went), then run the command again.`,
    details: { ...short },
  });
}

function ports(settings: InstallSettings, { listeners, clusters }: Surroundings): VectabaseError[] {
  const wanted = [
    { port: settings.postgresPort, of: 'Postgres', flag: '--pg-port' },
    { port: settings.poolerPort, of: 'PgBouncer', flag: '--pooler-port' },
    { port: settings.apiPort, of: 'the API', flag: '--port' },
    ...(settings.edge === 'caddy' ? [80, 443].map((port) => ({ port, of: 'Caddy', flag: '--edge none' })) : []),
  ];
  return wanted.flatMap(({ port, of, flag }): VectabaseError[] => {
    const taken = listeners.find((each) => each.port === port && !each.ours);
    if (taken === undefined) return [];
    const cluster = clusters.find((each) => each.port === port);
    const who = cluster === undefined ? taken.who : `the cluster ${cluster.name}`;
    const other = flag.startsWith('--edge') ? flag : `${flag} ${port + 1}`;
    return [
      new VectabaseError('PORT_IN_USE', {
        message: `port ${port}, which ${of} needs, is taken by ${who}`,
        hint: `Run vectabase install ${other}, or stop what runs there${cluster === undefined ? '' : ` (its data can be moved: vectabase migrate --help)`}.`,
        details: { port, flag },
      }),
    ];
  });
}

function notesOn(facts: MachineFacts, settings: InstallSettings, around: Surroundings): string[] {
  const notes: string[] = [];
  if (!around.clockSynchronized) notes.push('the clock is not synchronized: timedatectl set-ntp true');
  if (facts.memoryBytes < 1.5 * GB && around.swapBytes === 0)
    notes.push(`${Math.round(facts.memoryBytes / MB)} MB of memory and no swap: Postgres is set up small`);
  const others = around.clusters.filter(({ name }) => name !== `${settings.postgresMajor}/vectabase`);
  if (others.length > 0) notes.push(`left alone: the clusters ${others.map(({ name }) => name).join(', ')}`);
  for (const name of around.firewalls) notes.push(`${name} is active: open the ports of the public API there too`);
  if (settings.volume.kind === 'plaintext') notes.push('the data will not be encrypted on disk');
  return notes;
}

function refusal(message: string, hint: string, details: Record<string, unknown>): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', { message, hint, details });
}
