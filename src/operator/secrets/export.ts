import { printDotenv } from './dotenv.ts';

export const EXPORT_FORMATS = ['dotenv', 'json', 'shell'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Secrets as text for another program: a `.env` file, one JSON object, or lines for `eval` in a POSIX shell. */
export function exportText(values: ReadonlyMap<string, string>, format: ExportFormat): string {
  switch (format) {
    case 'dotenv':
      return printDotenv([...values].map(([name, value]) => ({ kind: 'secret', name, value })));
    case 'json':
      return `${JSON.stringify(Object.fromEntries(values), null, 2)}\n`;
    case 'shell':
      return [...values]
        .map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`)
        .join('');
  }
}
