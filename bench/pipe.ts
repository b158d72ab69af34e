/** Runs inside the tree: `node pipe.js JSON`. Pumps tables through `Session` and prints what it took. */
import { pipeline } from 'node:stream/promises';
import { parseDatabaseUrl } from '../src/foundation/postgres/address.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import { ident } from '../src/foundation/postgres/sql.ts';

interface Job {
  readonly source: string;
  readonly target: string;
  readonly tables: readonly string[];
  readonly jobs: number;
  readonly freeze: boolean;
  readonly synchronousCommit: boolean;
  readonly ledger: boolean;
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const queue = [...job.tables];
const started = performance.now();
await Promise.all(Array.from({ length: job.jobs }, worker));
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
process.stdout.write(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakRssBytes: maxRSS * 1024,
  }),
);

async function worker(): Promise<void> {
  const from = await Session.open(parseDatabaseUrl(job.source), { applicationName: 'bench' });
  const settings = { synchronous_commit: job.synchronousCommit ? 'on' : 'off' };
  const to = await Session.open(parseDatabaseUrl(job.target), { applicationName: 'bench', settings });
  for (let table = queue.shift(); table !== undefined; table = queue.shift()) await copy(from, to, table);
  await from.close();
  await to.close();
}

async function copy(from: Session, to: Session, table: string): Promise<void> {
  await to.script(job.freeze ? `begin; truncate only ${ident(table)}` : 'begin');
  const freeze = job.freeze ? ', freeze' : '';
  await pipeline(
    from.copyOut(`copy ${ident(table)} to stdout (format binary)`),
    to.copyIn(`copy ${ident(table)} from stdin (format binary${freeze})`),
  );
  if (job.ledger) await to.rows('insert into ledger values ($1, now())', [table]);
  await to.script('commit');
}
