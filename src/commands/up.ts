import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { paint } from '../cli/render/paint.ts';
import { targetWords } from '../foundation/core/shell-words.ts';
import type { UpObservation } from '../operator/provision/observations.ts';
import type { ReadyEvent, UpResult } from '../operator/provision/up.ts';

export default class Up extends BaseCommand<UpResult> {
  static override streams = true;
  static override summary = 'start Postgres and the API here, in the foreground';
  static override description = [
    'The first start makes everything: a Postgres cluster with checksums, certificates, keys, the schemas and roles of a Supabase project. Later starts reuse it. Ctrl-C stops all of it.',
    'With --json, a line {"event":"ready",…} tells addresses and keys as soon as both servers answer.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> up',
    '<%= config.bin %> up --dir /srv/shop --port 0 --pg-port 0 --json',
  ];
  static override flags = {
    port: Flags.integer({ summary: 'port of the API; 0 takes a free one [default: 54321]', min: 0, max: 65_535 }),
    'pg-port': Flags.integer({ summary: 'port of Postgres; 0 takes a free one [default: 54322]', min: 0, max: 65_535 }),
  };

  async run(): Promise<UpResult> {
    const { flags } = await this.parse(Up);
    const { runUp } = await import('../operator/provision/up.ts');
    return runUp(
      { dir: flags.dir, apiPort: flags.port, pgPort: flags['pg-port'], onReady: (ready) => this.#present(ready) },
      this.context<UpObservation>(),
    );
  }

  #present(ready: ReadyEvent): void {
    if (this.jsonEnabled()) process.stdout.write(`${JSON.stringify(ready)}\n`);
    else {
      this.closeRenderer();
      this.print(summary(ready));
    }
  }
}

/** Neither the password nor the service key: what is on a screen ends up in logs and on video calls. */
function summary(ready: ReadyEvent): string {
  const style = paint(process.stdout);
  const keys = `${ready.dir}/keys.json`;
  const rows = [
    ['API', ready.apiUrl],
    ['Postgres', `${withoutPassword(ready.databaseUrl)}  ${style.dim(`(${ready.postgresVersion}, TLS)`)}`],
    ...(ready.inboxUrl === null ? [] : [['mail', `${ready.inboxUrl}  ${style.dim('(no mail server is set)')}`]]),
    ['anon key', ready.anonKey],
    ...(ready.publishableKey === null ? [] : [['publishable', ready.publishableKey]]),
    ['secrets', `service key and passwords in ${keys}`],
    ['keys', `keep copies of ${ready.dir}/master.key and secrets/identity elsewhere`],
  ];
  const dir = targetWords(ready);
  return [
    '',
    `${style.green('✓')} ${style.bold('Vectabase runs')}`,
    '',
    ...rows.map(([name = '', value = '']) => `  ${style.dim(name.padEnd(12))} ${value}`),
    '',
    `  Next, in another terminal: ${style.bold(`vectabase migrate plan${dir}`)}`,
    ...(ready.archivesWal
      ? []
      : [
          `  WAL is not kept, so that only whole backups can be returned to. To keep it:\n    ${style.bold(`vectabase config set backup.archive true${dir}`)}`,
        ]),
    `  Ctrl-C stops everything; ${style.bold(`vectabase up${dir}`)} starts it again.`,
    '',
    '',
  ].join('\n');
}

function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  return `${url.protocol}//${url.username}@${url.host}${url.pathname}`;
}
