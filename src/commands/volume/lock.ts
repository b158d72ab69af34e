import { BaseCommand } from '../../cli/base-command.ts';

export default class VolumeLock extends BaseCommand<{ readonly locked: string }> {
  static override summary = 'close the encrypted volume';
  static override description =
    'Refuses while any process uses it: a server whose key is gone cannot open its next file. systemctl stop vectabase-volume.service stops the servers first and then runs this.';
  static override examples = ['sudo <%= config.bin %> volume lock'];

  async run(): Promise<{ readonly locked: string }> {
    await this.parse(VolumeLock);
    const { lockVolume, requireVolume } = await import('../../foundation/volume/volume.ts');
    const state = await requireVolume();
    await lockVolume(state);
    this.print(`${state.directory} is locked.\n`);
    return { locked: state.directory };
  }
}
