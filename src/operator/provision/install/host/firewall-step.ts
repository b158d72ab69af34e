import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { fileStep } from '../kinds/file.ts';
import type { Change, InstallSettings, Machine, Step } from '../step.ts';
import { enforceFirewall, firewallState, revertFirewall, TRIAL_SECONDS } from './firewall-trial.ts';
import { foreignFirewall } from './foreign-firewall.ts';
import { rulesetOf, TABLE, type Openings } from './ruleset.ts';
import { isLoopback, parseSockets } from './sockets.ts';
import { sshPorts } from './ssh.ts';

const FILE = path.join(INSTALLED.configuration, 'firewall.nft');
/** What the kernel said when the unit had loaded them. */
const LOADED = '/run/vectabase-firewall.nft';
const UNIT = 'vectabase-firewall.service';

/** One table of nftables that drops what nobody asked for. Where another firewall is at work, it is left alone. */
export function firewallStep(settings: InstallSettings): Step {
  let openings: Openings | undefined;
  let told = false;
  const wanted = async (machine: Machine): Promise<string> => {
    openings ??= { ...openingsOf(settings), sshPorts: await sshPorts(machine) };
    return rulesetOf(openings);
  };
  const file = fileStep({
    id: 'host.firewall',
    title: 'a firewall',
    files: async (machine) => [{ path: FILE, content: await wanted(machine), mode: 0o640 }],
  });
  const inCharge = async (machine: Machine): Promise<boolean> => {
    const other = await otherFirewall(machine);
    if (other === undefined) return true;
    if (!told) note(machine, `${other} is in charge and is left alone; it has to let through ${portsOf(settings)}`);
    told = true;
    return false;
  };
  return {
    ...file,
    async detect(machine) {
      if (!(await inCharge(machine))) return [];
      const changes = await file.detect(machine);
      const closed = changes.length === 0 ? [] : await closing(machine, openings);
      return [...changes, ...closed, ...(await differences(machine))];
    },
    async apply(machine, record) {
      if (!(await inCharge(machine))) return;
      await file.apply(machine, record);
      const { state } = await enforceFirewall();
      if (state !== 'trial') return;
      note(
        machine,
        `the firewall is on trial: within ${TRIAL_SECONDS} s log in once more and run vectabase firewall confirm`,
      );
    },
    async undo(machine, records, options) {
      await revertFirewall();
      await rm(LOADED, { force: true });
      await file.undo(machine, records, options);
    },
  };
}

export function openingsOf({
  edge,
  listen,
  postgresPort,
  poolerPort,
  openPorts,
}: InstallSettings): Omit<Openings, 'sshPorts'> {
  return {
    publicPorts: [...(edge === 'none' ? [] : [80, 443]), ...openPorts],
    database: { addresses: listen, ports: [postgresPort, poolerPort] },
  };
}

async function otherFirewall(machine: Machine): Promise<string | undefined> {
  const [nft, ufw, firewalld] = await Promise.all([
    machine.ask(['nft', '--json', 'list', 'ruleset']),
    machine.ask(['ufw', 'status']),
    machine.ask(['systemctl', 'is-active', 'firewalld.service']),
  ]);
  return foreignFirewall(nft.exitCode === 0 ? nft.stdout : '', ufw.stdout, firewalld.stdout);
}

/** On trial it is as it should be: the person at the other end has not answered yet. */
async function differences(machine: Machine): Promise<Change[]> {
  const { state } = await firewallState();
  if (state === 'off') return [{ action: 'run', target: UNIT, note: 'is not in force' }];
  const listed = await machine.ask(['nft', '--stateless', '--numeric', 'list', 'table', 'inet', TABLE]);
  const loaded = await readFile(LOADED, 'utf8').catch(() => '');
  if (listed.stdout.trim() !== loaded.trim()) return [{ action: 'run', target: UNIT, note: 'rules were changed' }];
  if (state === 'trial') return [];
  const { stdout } = await machine.ask(['systemctl', 'is-enabled', UNIT]);
  return stdout.trim() === 'enabled' ? [] : [{ action: 'run', target: UNIT, note: 'does not start at boot' }];
}

/** What strangers reach now and will not any more. */
async function closing(machine: Machine, openings: Openings | undefined): Promise<Change[]> {
  if (openings === undefined) return [];
  const open = new Set([...openings.sshPorts, ...openings.publicPorts, ...openings.database.ports]);
  const { stdout } = await machine.ask(['ss', '-Htlnp']);
  const others = parseSockets(stdout).filter(({ address, port }) => !isLoopback(address) && !open.has(port));
  const named = new Map(others.map(({ port, programs }) => [port, programs[0] ?? 'unknown']));
  return [...named].map(([port, program]): Change => ({
    action: 'remove',
    target: `access to port ${port}`,
    note: `${program} is reachable from outside; to keep it so: --open-port ${port}`,
  }));
}

function portsOf(settings: InstallSettings): string {
  const { publicPorts, database } = openingsOf(settings);
  const ports = [...publicPorts, ...(database.addresses.length > 0 ? database.ports : [])];
  return ports.length === 0 ? 'nothing for us' : ports.join(', ');
}

function note(machine: Machine, text: string): void {
  machine.context.observe({ event: 'install.machine.noted', id: 'firewall', note: text });
}
