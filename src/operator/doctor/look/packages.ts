import { run } from '../../../foundation/process/run.ts';
import type { About } from '../check.ts';
import type { PackageFacts } from '../facts.ts';

const SERVERS = /^(postgresql(-\d+|-common|-client-\d+)?|pgbouncer)$/;

/** Asks apt's own lists: no network, no lock, nothing changed. Not for a development installation: it takes a second. */
export async function lookAtPackages(kind: About['kind']): Promise<PackageFacts> {
  if (kind === 'up') return { node: process.version, outdated: [], securityUpdates: null, unattendedUpgrades: false };
  const [simulated, configured] = await Promise.all([
    run(['apt-get', '--simulate', '-o', 'Debug::NoLocking=1', 'dist-upgrade']),
    run(['apt-config', 'dump', 'APT::Periodic::Unattended-Upgrade']),
  ]);
  const upgrades = parseUpgrades(simulated.stdout);
  return {
    node: process.version,
    outdated: upgrades.filter(({ name }) => SERVERS.test(name)).map(({ name, from, to }) => `${name} ${from} -> ${to}`),
    securityUpdates: simulated.exitCode === 0 ? upgrades.filter(({ security }) => security).length : null,
    unattendedUpgrades: /Unattended-Upgrade "[1-9]/.test(configured.stdout),
  };
}

interface Upgrade {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly security: boolean;
}

/** `Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])` */
export function parseUpgrades(text: string): Upgrade[] {
  return text.split('\n').flatMap((line) => {
    const [, name, from, to, origin] = /^Inst (\S+) \[([^\]]+)\] \((\S+) ([^)]*)\)/.exec(line) ?? [];
    if (name === undefined || from === undefined || to === undefined) return [];
    return [{ name, from, to, security: /-security\b|Debian-Security/i.test(origin ?? '') }];
  });
}
