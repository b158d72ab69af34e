import { BaseCommand } from '../../cli/base-command.ts';
import type { FirewallState } from '../../operator/provision/install/host/firewall-trial.ts';

export default class FirewallStatus extends BaseCommand<FirewallState> {
  static override summary = 'whether the firewall is in force';
  static override description = 'off, trial (until it is confirmed) or on. The rules: nft list table inet vectabase';
  static override examples = ['sudo <%= config.bin %> firewall status'];

  async run(): Promise<FirewallState> {
    await this.parse(FirewallStatus);
    const { firewallState } = await import('../../operator/provision/install/host/firewall-trial.ts');
    const state = await firewallState();
    this.print(`The firewall is ${state.state}.\n`);
    return state;
  }
}
