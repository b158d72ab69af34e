import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { pgbouncerHoles } from '../../../foundation/postgres/pgbouncer-holes.ts';
import { run } from '../../../foundation/process/run.ts';
import type { PgBouncerFacts } from '../facts.ts';
import { answers } from './tcp.ts';

/** Beside Debian's own, which stays as the package made it. */
const CONFIGURATION = '/etc/pgbouncer/vectabase.ini';
const CHANGELOG = '/usr/share/doc/pgbouncer/changelog.Debian.gz';

export async function lookAtPooler(port: number): Promise<PgBouncerFacts> {
  const [said, changelog, text, reached] = await Promise.all([
    run(['pgbouncer', '--version']),
    readFile(CHANGELOG).then(
      (packed) => gunzipSync(packed).toString('utf8'),
      () => '',
    ),
    readFile(CONFIGURATION, 'utf8'),
    answers('127.0.0.1', port),
  ]);
  const version = /PgBouncer (\S+)/.exec(said.stdout)?.[1] ?? '';
  return {
    ...pgbouncerHoles(version, changelog),
    version,
    port,
    answers: reached === undefined,
    settings: parseIni(text),
  };
}

/** `name = value` of the section [pgbouncer]. */
export function parseIni(text: string): Record<string, string> {
  const section = /^\[pgbouncer\]$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(text)?.[1] ?? '';
  return Object.fromEntries(
    [...section.matchAll(/^\s*(\w+)\s*=\s*(.*?)\s*$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}
