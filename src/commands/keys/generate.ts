import { BaseCommand } from '../../cli/base-command.ts';
import type { GeneratedKey } from '../../operator/provision/generate-key.ts';

export default class KeysGenerate extends BaseCommand<GeneratedKey> {
  static override summary = 'make the master key of a new installation';
  static override description =
    'Writes 256 random bits to master.key in the directory, readable by you alone. Never replaces a key, never prints one. vectabase up does this by itself on a new directory.';
  static override examples = ['<%= config.bin %> keys generate', '<%= config.bin %> keys generate --dir /srv/shop'];

  async run(): Promise<GeneratedKey> {
    const { flags } = await this.parse(KeysGenerate);
    const { generateMasterKey } = await import('../../operator/provision/generate-key.ts');
    const made = await generateMasterKey(flags.dir);
    this.log(`The master key is in ${made.file}`);
    this.say('Keep a copy of it apart from your backups: without it, what it encrypts cannot be read again.');
    return made;
  }
}
