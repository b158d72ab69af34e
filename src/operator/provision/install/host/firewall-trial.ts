import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { runOrFail } from '../../../../foundation/process/run-or-fail.ts';
import { run } from '../../../../foundation/process/run.ts';
import { parseUnitState, UNIT_PROPERTIES, type UnitState } from '../kinds/unit-state.ts';
import { sshSessions } from './ssh.ts';

const UNIT = 'vectabase-firewall.service';
const REVERT = 'vectabase-firewall-revert';
/** Enough to open a second session; short enough to wait for, locked out. */
export const TRIAL_SECONDS = 120;

export interface FirewallState {
  /** `trial`: in force, and taken away again unless it is confirmed. */
  readonly state: 'off' | 'trial' | 'on';
  /** Milliseconds since the epoch at which it came into force; 0 when it is off. */
  readonly since: number;
}

export async function firewallState(): Promise<FirewallState> {
  const [unit, timer] = await Promise.all([show(UNIT), show(`${REVERT}.timer`)]);
  if (!unit.active) return { state: 'off', since: 0 };
  return { state: timer.active ? 'trial' : 'on', since: unit.changedAt };
}

/**
 * Puts the rules into force. Where somebody is logged in by ssh, on trial: the timer is set before, and brings back what
 * was, whatever happens to us. Open connections pass in any case, so only a new one proves anything.
 */
export async function enforceFirewall(): Promise<FirewallState> {
  const trial = (await sshSessions()).length > 0;
  await runOrFail(['systemctl', 'daemon-reload']);
  if (trial) await setTimer();
  await runOrFail(['systemctl', 'reload-or-restart', UNIT]);
  if (!trial) await runOrFail(['systemctl', 'enable', UNIT]);
  return firewallState();
}

/**
 * Keeps the rules. @throws VectabaseError PRECONDITION_FAILED when nobody has logged in since they came into force: that
 * somebody still can is what the trial is for
 */
export async function confirmFirewall(): Promise<FirewallState> {
  const { state, since } = await firewallState();
  if (state === 'off') {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'the firewall is not in force: its trial ended, or it was never set up',
      hint: 'Run vectabase install again, and confirm within two minutes.',
    });
  }
  const sessions = await sshSessions();
  if (state === 'trial' && sessions.length > 0 && !sessions.some((began) => began > since)) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'nobody has logged in since the firewall came into force; this session was open before',
      hint: 'Open a second ssh session to this machine and run there: vectabase firewall confirm',
    });
  }
  await runOrFail(['systemctl', 'enable', UNIT]);
  await run(['systemctl', 'stop', `${REVERT}.timer`]);
  return firewallState();
}

/** Takes the rules away. */
export async function revertFirewall(): Promise<FirewallState> {
  await run(['systemctl', 'stop', `${REVERT}.timer`]);
  await run(['systemctl', 'disable', '--now', UNIT]);
  return firewallState();
}

async function setTimer(): Promise<void> {
  await run(['systemctl', 'stop', `${REVERT}.timer`, `${REVERT}.service`]);
  await run(['systemctl', 'disable', UNIT]);
  const when = [`--on-active=${TRIAL_SECONDS}`, '--timer-property=AccuracySec=1s', '--collect'];
  await runOrFail(['systemd-run', '--quiet', `--unit=${REVERT}`, ...when, 'systemctl', 'stop', UNIT]);
}

async function show(unit: string): Promise<UnitState> {
  const argv = ['systemctl', 'show', '--timestamp=us+utc', `--property=${UNIT_PROPERTIES}`, unit] as const;
  return parseUnitState((await run(argv)).stdout);
}
