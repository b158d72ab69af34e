import { Flags } from '@oclif/core';
import { paint } from '../../cli/render/paint.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import type { CheckResult as Result } from '../../operator/secrets/check.ts';
import { PARTS } from '../../operator/secrets/known-names.ts';

export default class SecretsCheck extends SecretsCommand<Result> {
  static override summary = 'which secrets are missing, and which look wrong';
  static override description =
    'Asks for what the parts in use need (setting secrets.parts) and compares each value with what such a key looks like. Exit code 6 when one needs attention.';
  static override examples = [
    '<%= config.bin %> secrets check',
    '<%= config.bin %> secrets check --part stripe --part discord --json',
  ];
  static override flags = {
    part: Flags.option({ summary: 'this part alone; may be given more than once', multiple: true, options: PARTS })(),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(SecretsCheck);
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { checkSecrets, problems } = await import('../../operator/secrets/check.ts');
    const inUse = new Set<string>(flags.part ?? loadSettings({ dir: flags.dir }).settings.secrets.parts);
    const result = await checkSecrets(
      await openSecrets(this.opening(flags)),
      PARTS.filter((part) => inUse.has(part)),
    );
    this.print(shown(result));
    const error = problems(result);
    if (error !== undefined) throw error;
    return result;
  }
}

function shown({ good, findings, environment }: Result): string {
  const style = paint(process.stdout);
  const lines = findings.map(({ name, level, what }) => {
    return `${level === 'problem' ? style.red('✗') : style.yellow('!')} ${style.bold(name)} ${what}`;
  });
  const rest = good.length === 0 ? [] : [`${style.green('✓')} ${good.length} of ${environment} look right`];
  return `${[...lines, ...rest].join('\n')}\n`;
}
