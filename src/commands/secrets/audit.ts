import { Flags } from '@oclif/core';
import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import type { AuditResult as Result } from '../../operator/secrets/audit.ts';

export default class SecretsAudit extends SecretsCommand<Result> {
  static override summary = 'who accessed which secret, when and why; and whether that log is whole';
  static override description = `Each line is chained to the one before it and sealed by a key that only the private key can make, so a line that was changed, deleted, moved or cut off is shown. Exit code 6 when one was.
Keep the head that it prints somewhere else: with --since it also proves that no older copy of the log was put back.`;
  static override examples = [
    '<%= config.bin %> secrets audit',
    '<%= config.bin %> secrets audit --name STRIPE_SECRET_KEY --all',
    '<%= config.bin %> secrets audit --since 42:1f9c… --json',
  ];
  static override flags = {
    name: Flags.string({ summary: 'accesses of this name alone', helpValue: 'NAME' }),
    last: Flags.integer({ summary: 'newest so many', default: 20, min: 1, helpValue: 'N' }),
    all: Flags.boolean({ summary: 'every access there ever was', default: false }),
    since: Flags.string({ summary: 'head of an earlier report, which the log must still hold', helpValue: 'HEAD' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(SecretsAudit);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { auditBroken, readAudit } = await import('../../operator/secrets/audit.ts');
    const store = await openSecrets(this.opening(flags));
    const last = flags.all ? undefined : flags.last;
    const result = await readAudit(store, { name: flags.name, last, known: flags.since });
    this.print(shown(result));
    const error = auditBroken(result);
    if (error !== undefined) throw error;
    return result;
  }
}

function shown({ accesses, findings, lines, checked, head }: Result): string {
  const style = paint(process.stdout);
  const rows = accesses.map(({ at, who, operation, environment, names, to, reason }) => [
    at.slice(0, 19).replace('T', ' '),
    who.sudoUser === undefined ? who.user : `${who.user} (${who.sudoUser})`,
    `${who.parent ?? '?'}[${who.parentPid}]`,
    to === undefined ? operation : `${operation} ${to}`,
    environment,
    names.length > 3 ? `${names.length} names` : names.join(' ') || '-',
    reason ?? '',
  ]);
  const accessed =
    rows.length === 0
      ? 'no access'
      : table(['UTC', 'user', 'from', 'what', 'environment', 'names', 'why'], rows, style);
  const broken = findings.map(
    ({ line, what }) => `${style.red('✗')} ${line === undefined ? what : `line ${line} ${what}`}`,
  );
  const others = lines === checked ? '' : `, ${lines - checked} of them by other keys`;
  const whole = findings.length === 0 ? [`${style.green('✓')} whole: ${lines} lines${others}`] : broken;
  return `${[accessed, '', ...whole, style.dim(`head ${head}`)].join('\n')}\n`;
}
