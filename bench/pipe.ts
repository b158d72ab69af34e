/** Runs inside the tree: `node pipe.js JSON`. Pumps tables through `Session` and prints what it took. */
import { pipeline } from 'node:stream/promises';
import { parseDatabaseUrl } from '../src/foundation/postgres/address.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import pg from 'pg';
import { relay } from './relay.ts';
import { ident } from '../src/foundation/postgres/sql.ts';

interface Job {
  readonly source: string;
  readonly target: string;
  readonly tables: readonly string[];
  readonly jobs: number;
  readonly freeze: boolean;
  readonly synchronousCommit: boolean;
  /** Passes CopyData messages on as they came, instead of through streams. */
  readonly raw: boolean;
  /** Statements for each table once it has landed (indexes, keys), by as many workers of their own. */
  readonly indexes: Readonly<Record<string, readonly string[]>>;
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const started = performance.now();
const queue = [...job.tables];
const landed: string[] = [];
const copiers = { left: job.jobs };
const wake: Array<() => void> = [];
await Promise.all([...Array.from({ length: job.jobs }, copier), ...Array.from({ length: job.jobs }, indexer)]);
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
process.stdout.write(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakRssBytes: maxRSS * 1024,
  }),
);

async function copier(): Promise<void> {
  const pump = await (job.raw ? rawPump() : streamPump());
  for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
    await pump.copy(table);
    landed.push(...(job.indexes[table] ?? []));
    for (const waiting of wake.splice(0)) waiting();
  }
  copiers.left -= 1;
  for (const waiting of wake.splice(0)) waiting();
  await pump.close();
}

async function indexer(): Promise<void> {
  if (Object.keys(job.indexes).length === 0) return;
  const settings = { maintenance_work_mem: '1GB', synchronous_commit: 'off' };
  const to = await Session.open(parseDatabaseUrl(job.target), { applicationName: 'bench', settings });
  while (copiers.left > 0 || landed.length > 0) {
    const statement = landed.shift();
    if (statement === undefined) await new Promise<void>((resolve) => wake.push(resolve));
    else await to.script(statement);
  }
  await to.close();
}

interface Pump {
  copy(table: string): Promise<void>;
  close(): Promise<void>;
}

async function streamPump(): Promise<Pump> {
  const from = await Session.open(parseDatabaseUrl(job.source), { applicationName: 'bench' });
  const settings = { synchronous_commit: job.synchronousCommit ? 'on' : 'off' };
  const to = await Session.open(parseDatabaseUrl(job.target), { applicationName: 'bench', settings });
  return {
    async copy(table) {
      await to.script(begin(table));
      await pipeline(from.copyOut(statements(table).out), to.copyIn(statements(table).into));
      await to.script(commit(table));
    },
    async close() {
      await Promise.all([from.close(), to.close()]);
    },
  };
}

async function rawPump(): Promise<Pump> {
  const from = new pg.Client(job.source);
  const to = new pg.Client(job.target);
  await Promise.all([from.connect(), to.connect()]);
  await to.query(`set synchronous_commit = ${job.synchronousCommit ? 'on' : 'off'}`);
  return {
    async copy(table) {
      await to.query(begin(table));
      await relay(from, to, statements(table).out, statements(table).into);
      await to.query(commit(table));
    },
    async close() {
      await Promise.all([from.end(), to.end()]);
    },
  };
}

function statements(table: string): { out: string; into: string } {
  return {
    out: `copy ${ident(table)} to stdout (format binary)`,
    into: `copy ${ident(table)} from stdin (format binary${job.freeze ? ', freeze' : ''})`,
  };
}

function begin(table: string): string {
  return job.freeze ? `begin; truncate only ${ident(table)}` : 'begin';
}

function commit(table: string): string {
  return `insert into ledger values ('${table}', now()); commit`;
}
