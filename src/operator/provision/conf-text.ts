import { readFile } from 'node:fs/promises';
import { assetPath } from '../../foundation/core/assets.ts';

/** A file of `templates/`, with its `{{names}}` filled in. Throws for a name without a value. */
export async function filledTemplate(
  file: readonly string[],
  values: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  const text = await readFile(assetPath('templates', ...file), 'utf8');
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`templates/${file.join('/')} needs a value for {{${name}}}`);
    return String(value);
  });
}

/** Lines of postgresql.conf. */
export function postgresLines(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `${name} = ${postgresValue(value)}`);
}

/** A quoted value of postgresql.conf: backslashes count there, unlike in standard SQL. */
export function postgresValue(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
