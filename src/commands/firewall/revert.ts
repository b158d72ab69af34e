import { BaseCommand } from '../../cli/base-command.ts';
import type { FirewallState } from '../../operator/provision/install/host/firewall-trial.ts';

export default class FirewallRevert extends BaseCommand<FirewallState> {
  static override summary = 'take the firewall away';
  static override description =
    'Removes the table inet vectabase and does not load it at boot. Other tables are not touched; the next install puts it back, unless install.hardenHost is false.';
  static override examples = ['sudo <%= config.bin %> firewall revert'];

  async run(): Promise<FirewallState> {
    await this.parse(FirewallRevert);
    const { revertFirewall } = await import('../../operator/provision/install/host/firewall-trial.ts');
    const state = await revertFirewall();
    this.print(`The firewall is ${state.state}.\n`);
    return state;
  }
}
