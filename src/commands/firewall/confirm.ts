import { BaseCommand } from '../../cli/base-command.ts';
import type { FirewallState } from '../../operator/provision/install/host/firewall-trial.ts';

export default class FirewallConfirm extends BaseCommand<FirewallState> {
  static override summary = 'keep the firewall that install put on trial';
  static override description =
    'Proves that somebody can still log in: it wants an ssh session that began after the firewall came into force. Without it the rules are taken away two minutes after that.';
  static override examples = ['sudo <%= config.bin %> firewall confirm'];

  async run(): Promise<FirewallState> {
    await this.parse(FirewallConfirm);
    const { confirmFirewall } = await import('../../operator/provision/install/host/firewall-trial.ts');
    const state = await confirmFirewall();
    this.print(`The firewall is ${state.state}.\n`);
    return state;
  }
}
