import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { formatAge, formatAgo } from '../../cli/render/units.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import type { ListedSecret, SecretsList as Result } from '../../operator/secrets/list.ts';

export default class SecretsList extends SecretsCommand<Result> {
  static override summary = 'names of the secrets, their age and last access; never a value';
  static override description =
    'The fingerprint changes with the value and tells nothing about it: equal fingerprints are equal values.';
  static override examples = ['<%= config.bin %> secrets list', '<%= config.bin %> secrets list -e staging --json'];

  async run(): Promise<Result> {
    const { flags } = await this.parse(SecretsList);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { listSecrets } = await import('../../operator/secrets/list.ts');
    const result = await listSecrets(await openSecrets(this.opening(flags)));
    this.print(shown(result, this.where(flags)));
    return result;
  }
}

function shown({ environment, secrets, environments, file }: Result, where: string): string {
  const style = paint(process.stdout);
  if (secrets.length === 0) {
    const others = environments.filter((name) => name !== environment);
    const elsewhere = others.length === 0 ? '' : ` There are some in ${others.join(', ')}.`;
    return `${environment} has no secrets yet.${elsewhere}\n  Next: ${style.bold(`vectabase secrets set NAME${where}`)}, or ${style.bold(`vectabase secrets import${where}`)}\n`;
  }
  const rows = secrets.map(({ name, setAt, lastAccess, fingerprint }) => [
    name,
    setAt === null ? '?' : formatAge(Date.now() - Date.parse(setAt)),
    accessed(lastAccess),
    fingerprint,
  ]);
  return `${table(['name', 'age', 'last access', 'fingerprint'], rows, style)}\n${style.dim(`${secrets.length} in ${environment}, ${file}`)}\n`;
}

function accessed(access: ListedSecret['lastAccess']): string {
  if (access === null) return '-';
  const how = access.to === null ? access.operation : `${access.operation} ${access.to}`;
  return `${formatAgo(Date.now() - Date.parse(access.at))}, ${how}`;
}
