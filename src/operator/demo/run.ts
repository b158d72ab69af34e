import { rm } from 'node:fs/promises';
import path from 'node:path';
import { clusterHome, installationPaths } from '../../foundation/config/directory.ts';
import { formatDatabaseUrl, parseDatabaseUrl } from '../../foundation/postgres/address.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { JobContext, Observation } from '../../foundation/core/observe.ts';
import { withResources } from '../../foundation/core/release.ts';
import { runCli, startCli, type CliEvent, type CliProcess } from './cli.ts';
import { readBack, type ReadBack } from './read-back.ts';
import { startDemoSource } from './source.ts';

export interface DemoInput {
  readonly dir: string;
  readonly rows: number;
  /** Called when all is done and everything still runs; what it awaits keeps it running. */
  readonly whileRunning?: ((ready: DemoReady) => Promise<void>) | undefined;
}

/** Where things are, for a screen: no password in it. */
export interface DemoReady {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  /** Holds the passwords and keys of the installation. */
  readonly keysFile: string;
  readonly sourceUrl: string;
  /** Holds the source's connection string with its password, as `--source-file` takes it, while the demo runs. */
  readonly sourceFile: string;
}

export interface DemoReport {
  readonly seconds: number;
  readonly plan: { readonly tables: number; readonly blockers: number; readonly warnings: number };
  /** Steps done when the migration was killed, and in all. */
  readonly killed: { readonly afterTables: number; readonly keptTables: number };
  /** The migration's own report, as `vectabase migrate --json` gave it. */
  readonly migration: CliEvent;
  readonly verified: string;
  readonly readBack: readonly ReadBack[];
  readonly dir: string;
  readonly steps: ReadonlyArray<{ readonly step: string; readonly seconds: number }>;
}

export type DemoObservation = Observation & {
  event: `demo.step.${'started' | 'finished'}` | `demo.standin.${'started' | 'progress' | 'finished'}`;
};

/**
 * The main job from beginning to end on this machine: a source like a hosted project, an own installation, plan, move,
 * `kill -9` half-way, resume, verify, rows read back through their policies. Each command is the real one, as a process.
 */
export async function runDemo(input: DemoInput, ctx: JobContext<DemoObservation>): Promise<DemoReport> {
  const begun = ctx.clock.now();
  const steps: Array<{ step: string; seconds: number }> = [];
  const step = async <T>(id: string, body: () => Promise<T>): Promise<T> => {
    const started = ctx.clock.now();
    ctx.signal.throwIfAborted();
    ctx.observe({ event: 'demo.step.started', id });
    const result = await body();
    const ms = ctx.clock.now() - started;
    steps.push({ step: id, seconds: ms / 1000 });
    ctx.observe({ event: 'demo.step.finished', id, ms });
    return result;
  };

  return withResources(async (scope) => {
    const dir = path.resolve(input.dir);
    // As root the cluster may lie outside, where the servers' user can reach it: an earlier demo's goes too.
    for (const place of [dir, clusterHome(dir, 'outside')]) await rm(place, { recursive: true, force: true });
    const source = scope.add(
      await step('build a source like a hosted project', async () => startDemoSource(input.rows, ctx)),
      async (started) => started.stop(),
    );
    const up = scope.add(await startCli(['up', '--dir', dir, '--port', '0', '--pg-port', '0']), stopCli);
    const ready = await step('vectabase up', async () => up.until(({ event }) => event === 'ready'));
    const where = ['--dir', dir];
    const env = { VECTABASE_SOURCE_URL: formatDatabaseUrl(source.address, { password: true }) };

    const plan = await step('vectabase migrate plan', async () => runCli(['migrate', 'plan', ...where], env));
    const tables = (plan['inventory'] as { tables: unknown[] }).tables.length;
    const afterTables = await step('vectabase migrate, killed half-way', async () =>
      killHalfWay(await startCli(['migrate', ...where], env), tables),
    );
    const kept = await runCli(['migrate', 'status', ...where]);
    const migration = await step('vectabase migrate --resume', async () =>
      runCli(['migrate', '--resume', ...where], env),
    );
    const proof = await step('vectabase migrate verify', async () => runCli(['migrate', 'verify', ...where], env));
    const seen = await step('read rows back through their policies', async () =>
      readBack(String(ready['databaseUrl'])),
    );
    assertProved(migration, proof, seen);
    const findings = plan['findings'] as Array<{ level: string }>;
    const seconds = (ctx.clock.now() - begun) / 1000;
    if (input.whileRunning) {
      const sourceFile = path.join(dir, 'source.url');
      await writeDurably(sourceFile, `${env.VECTABASE_SOURCE_URL}\n`);
      await input.whileRunning({
        apiUrl: String(ready['apiUrl']),
        databaseUrl: formatDatabaseUrl(parseDatabaseUrl(String(ready['databaseUrl'])), { password: false }),
        keysFile: installationPaths(dir).keys,
        sourceUrl: formatDatabaseUrl(source.address, { password: false }),
        sourceFile,
      });
      await rm(sourceFile);
    }
    return {
      seconds,
      plan: {
        tables,
        blockers: findings.filter(({ level }) => level === 'blocker').length,
        warnings: findings.filter(({ level }) => level === 'warning').length,
      },
      killed: { afterTables, keptTables: (kept['tables'] as { copied: number }).copied },
      migration,
      verified: String(proof['outcome']),
      readBack: seen,
      dir,
      steps,
    };
  });
}

/** SIGKILL once half of the tables have landed. @returns how many had */
async function killHalfWay(migrate: CliProcess, tables: number): Promise<number> {
  let landed = 0;
  await migrate.until(({ event }) => event === 'migrate.table.finished' && ++landed >= tables / 2);
  migrate.child.kill('SIGKILL');
  await migrate.ended;
  return landed;
}

async function stopCli(cli: CliProcess): Promise<void> {
  cli.child.kill('SIGTERM');
  await cli.ended;
}

function assertProved(migration: CliEvent, proof: CliEvent, seen: readonly ReadBack[]): void {
  const wrong = seen.filter(({ expected, found }) => expected !== found);
  if (migration['outcome'] === 'complete' && proof['outcome'] === 'complete' && wrong.length === 0) return;
  throw new VectabaseError('MIGRATE_DIFFERENCES', {
    message: `the demo did not end as it must: ${String(migration['outcome'])}, ${String(proof['outcome'])}, ${wrong.length} policies answer otherwise`,
    details: { wrong },
  });
}
