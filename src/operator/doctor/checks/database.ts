import { bytes, duration, whole } from '../../../foundation/core/numbers.ts';
import { fail, ok, some, warn, type About, type Check } from '../check.ts';
import type { DatabaseFacts } from '../facts.ts';

type DatabaseCheck = Check<'database'>;
const GIB = 1024 ** 3;
const HOUR = 3_600;

export const DATABASE_CHECKS: readonly DatabaseCheck[] = [
  {
    id: 'database.version',
    title: 'a Postgres that is supported',
    fact: 'database',
    judge: ({ version }) => {
      const major = Math.floor(version / 10_000);
      const shown = `${major}.${version % 10_000}`;
      return major >= 16 && major <= 18
        ? ok(shown)
        : fail(`${shown}; 16 to 18 are supported`, 'vectabase migrate plan');
    },
  },
  {
    id: 'database.durability',
    title: 'a commit that survives a power cut',
    fact: 'database',
    judge: (facts, about) => {
      const off = ['fsync', 'full_page_writes'].filter((name) => setting(facts, name) === 'off');
      const blind = ['zero_damaged_pages', 'ignore_checksum_failure'].filter((name) => setting(facts, name) === 'on');
      const [first] = [...off, ...blind];
      return first === undefined
        ? ok('fsync and full_page_writes are on')
        : fail(`${first} is ${setting(facts, first)}`, reset(first, about));
    },
  },
  {
    id: 'database.checksums',
    title: 'pages with checksums, none of them wrong',
    fact: 'database',
    judge: (facts, { where }) => {
      const damaged = facts.databases.filter(({ checksumFailures }) => checksumFailures > 0);
      if (damaged.length > 0) {
        const told = damaged.map(({ name, checksumFailures }) => `${name}: ${checksumFailures} wrong`);
        return fail(some(told), `vectabase backup rehearse${where}`);
      }
      return setting(facts, 'data_checksums') === 'on'
        ? ok('on, and no failure was counted')
        : warn(
            'off: damage of a disk goes unnoticed',
            `systemctl stop postgresql && pg_checksums --enable -D ${setting(facts, 'data_directory')} && systemctl start postgresql`,
          );
    },
  },
  {
    id: 'database.configuration',
    title: 'configuration files that Postgres can read',
    fact: 'database',
    judge: ({ files }, about) => {
      const wrong = files.filter(({ error }) => error !== null && !/restart/.test(error));
      const told = wrong.map(({ file, line, error }) => `${file}:${line} ${error ?? ''}`);
      return wrong.length === 0 ? ok('no line is refused') : fail(some(told), repair(about));
    },
  },
  {
    id: 'database.overrides',
    title: 'no setting that ALTER SYSTEM hides',
    fact: 'database',
    judge: ({ files }, about) => {
      const names = files.filter(({ automatic }) => automatic).flatMap(({ name }) => name ?? []);
      const [first] = names;
      return first === undefined
        ? ok('postgresql.auto.conf is empty')
        : warn(`${some(names)}: set by ALTER SYSTEM, which wins over our file`, reset(first, about));
    },
  },
  {
    id: 'database.restart',
    title: 'no setting that waits for a restart',
    fact: 'database',
    judge: ({ settings }, about) => {
      const waiting = settings.filter(({ pendingRestart }) => pendingRestart).map(({ name }) => name);
      return waiting.length === 0 ? ok('all are in force') : warn(some(waiting), restart(about));
    },
  },
  {
    id: 'database.tls',
    title: 'TLS on the wire',
    fact: 'database',
    judge: (facts, about) => {
      const version = setting(facts, 'ssl_min_protocol_version');
      if (setting(facts, 'ssl') !== 'on') return fail('ssl is off', repair(about));
      return /^TLSv1\.[23]$/.test(version)
        ? ok(`${version} and newer`)
        : fail(`${version || 'any version'} is taken`, repair(about));
    },
  },
  {
    id: 'database.hba',
    title: 'nobody comes in without password and TLS',
    fact: 'database',
    judge: ({ hba }, about) => {
      const refused = hba
        .filter(({ error }) => error !== null)
        .map(({ line, error }) => `line ${line}: ${error ?? ''}`);
      if (refused.length > 0) return fail(some(refused), repair(about));
      const open = hba.filter(isOpen);
      const [first] = open;
      const told = open.map(({ file, line, type, address, method }) =>
        `${file}:${line} ${type ?? ''} ${address} ${method}`.replaceAll(/ +/g, ' '),
      );
      if (first === undefined) return ok(`${whole(hba.length)} rules`);
      // A rule of the owner's own stands in a file that we do not write.
      const own = about.kind === 'machine' && !/(50-vectabase|pg_hba)\.conf$/.test(first.file);
      return fail(some(told), own ? `sudoedit ${first.file}` : repair(about));
    },
  },
  {
    id: 'database.extensions',
    title: 'extensions that are there and up to date',
    fact: 'database',
    judge: ({ extensions }, { where }) => {
      const missing = ['pgcrypto', 'pg_stat_statements'].filter(
        (name) => !extensions.some((each) => each.name === name),
      );
      const [first] = missing;
      if (first !== undefined)
        return warn(`${some(missing)} missing`, psql(`create extension "${first}" schema extensions`, where));
      const old = extensions.filter(({ installed, available }) => available !== null && available !== installed);
      const [stale] = old;
      return stale === undefined
        ? ok(`${extensions.length} installed`)
        : warn(
            some(old.map(({ name, installed, available }) => `${name} ${installed} -> ${available ?? ''}`)),
            psql(`alter extension "${stale.name}" update`, where),
          );
    },
  },
  {
    id: 'database.slots',
    title: 'no slot that holds WAL for nobody',
    fact: 'database',
    judge: ({ slots }, { where }) => {
      const lost = slots.find(({ walStatus }) => walStatus === 'lost');
      if (lost)
        return fail(`${lost.name} has lost its WAL`, psql(`select pg_drop_replication_slot('${lost.name}')`, where));
      const idle = slots.find(({ active, heldBytes }) => !active && (heldBytes ?? 0) > GIB);
      return idle === undefined
        ? ok(slots.length === 0 ? 'none' : `${slots.length}, all of use`)
        : fail(
            `${idle.name} holds ${bytes(idle.heldBytes ?? 0)} and nobody reads it`,
            psql(`select pg_drop_replication_slot('${idle.name}')`, where),
          );
    },
  },
  {
    id: 'database.wraparound',
    title: 'transaction numbers to spare',
    fact: 'database',
    judge: ({ databases }, { where }) => {
      const worst = databases.toSorted((a, b) => oldest(b) - oldest(a))[0];
      if (worst === undefined) return ok('no database');
      const evidence = `${worst.name}: ${whole(oldest(worst))} of 2,147,483,647 used`;
      // Autovacuum begins at 200 million by itself; 1.6 thousand million is where Postgres stops sparing the disk.
      if (oldest(worst) > 1_600_000_000) return fail(evidence, psql('vacuum (freeze, verbose)', where));
      return oldest(worst) > 600_000_000 ? warn(evidence, psql('vacuum (freeze, verbose)', where)) : ok(evidence);
    },
  },
  {
    id: 'database.bloat',
    title: 'few dead rows',
    fact: 'database',
    judge: ({ tables }, { where }) => {
      const full = tables.filter(({ dead, live }) => dead > 50_000 && dead > live * 0.3);
      const [first] = full;
      return first === undefined
        ? ok('no table is full of them')
        : warn(
            some(full.map(({ name, dead }) => `${name}: ${whole(dead)}`)),
            psql(`vacuum (analyze) ${first.name}`, where),
          );
    },
  },
  {
    id: 'database.statistics',
    title: 'a planner that knows the tables',
    fact: 'database',
    judge: ({ tables }, { where }) => {
      const stale = tables.filter(
        ({ neverAnalysed, modified, live }) => neverAnalysed || modified > Math.max(live, 10_000),
      );
      return stale.length === 0
        ? ok('statistics are fresh')
        : warn(`${some(stale.map(({ name }) => name))}: not analysed since most rows changed`, psql('analyze', where));
    },
  },
  {
    id: 'database.indexes',
    title: 'no broken index',
    fact: 'database',
    judge: ({ indexes }, { where }) => {
      const [first] = indexes;
      return first === undefined
        ? ok('all are valid')
        : fail(
            `${some(indexes.map(({ name }) => name))}: written, and read by no query`,
            psql(`reindex index concurrently ${first.name}`, where),
          );
    },
  },
  {
    id: 'database.sequences',
    title: 'sequences far from their end',
    fact: 'database',
    judge: ({ sequences }, { where }) => {
      const near = sequences.filter(({ usedPercent }) => usedPercent > 70);
      const told = some(near.map(({ name, usedPercent }) => `${name}: ${usedPercent} %`));
      if (near.length === 0) return ok('none is past 70 %');
      const fix = `vectabase db inspect table-sizes${where}`;
      return near.some(({ usedPercent }) => usedPercent > 90) ? fail(told, fix) : warn(told, fix);
    },
  },
  {
    id: 'database.connections',
    title: 'connections to spare',
    fact: 'database',
    judge: (facts, { where }) => {
      const limit =
        Number(setting(facts, 'max_connections')) - Number(setting(facts, 'superuser_reserved_connections') || 3);
      const { connections } = facts.activity;
      const evidence = `${connections} of ${limit} in use`;
      if (connections > limit * 0.95) return fail(evidence, `vectabase db inspect role-connections${where}`);
      return connections > limit * 0.8 ? warn(evidence, `vectabase db inspect role-connections${where}`) : ok(evidence);
    },
  },
  {
    id: 'database.transactions',
    title: 'no transaction left open',
    fact: 'database',
    judge: ({ activity }, { where }) => {
      if (activity.forgottenPrepared > 0)
        return fail(
          `${activity.forgottenPrepared} prepared and never finished`,
          psql('select * from pg_prepared_xacts', where),
        );
      if (activity.longestIdle > HOUR)
        return warn(
          `one has waited for its client for ${duration(activity.longestIdle)}`,
          `vectabase db inspect locks${where}`,
        );
      return activity.oldestTransaction > 6 * HOUR
        ? warn(
            `one has run for ${duration(activity.oldestTransaction)}`,
            `vectabase db inspect long-running-queries${where}`,
          )
        : ok(`the oldest is ${duration(activity.oldestTransaction)} old`);
    },
  },
  {
    id: 'database.locks',
    title: 'nobody waits for a lock',
    fact: 'database',
    judge: ({ activity }, { where }) =>
      activity.blocked > 5
        ? warn(`${activity.blocked} sessions wait`, `vectabase db inspect blocking${where}`)
        : ok(activity.blocked === 0 ? 'none' : `${activity.blocked} wait for a moment`),
  },
  {
    id: 'database.logging',
    title: 'slow queries logged, people’s data not',
    fact: 'database',
    judge: (facts, about) => {
      const slow = Number(setting(facts, 'log_min_duration_statement'));
      if (setting(facts, 'log_parameter_max_length') !== '0')
        return fail('values of parameters are written into the log', repair(about));
      return slow >= 0 && slow <= 1000
        ? ok(`from ${slow} ms on, without parameters`)
        : warn('slow queries leave no trace', repair(about));
    },
  },
  {
    id: 'database.autovacuum',
    title: 'autovacuum at work',
    fact: 'database',
    judge: (facts, about) => {
      const off = ['autovacuum', 'track_counts'].find((name) => setting(facts, name) === 'off');
      return off === undefined ? ok('on') : fail(`${off} is off: tables only grow`, reset(off, about));
    },
  },
];

export function setting({ settings }: DatabaseFacts, name: string): string {
  return settings.find((each) => each.name === name)?.setting ?? '';
}

export function psql(statement: string, where: string): string {
  return `vectabase db psql --superuser${where} -- -c "${statement.replaceAll('"', '\\"')}"`;
}

/** What writes our configuration anew. */
function repair({ kind, where }: About): string {
  return kind === 'machine' ? 'vectabase install' : `vectabase up${where}`;
}

function restart({ kind, where, major }: About): string {
  return kind === 'machine' ? `systemctl restart postgresql@${major}-vectabase.service` : `vectabase up${where}`;
}

function reset(name: string, { where }: About): string {
  return psql(`alter system reset ${name}`, where);
}

function oldest({ age, multixactAge }: DatabaseFacts['databases'][number]): number {
  return Math.max(age, multixactAge);
}

/** A socket is for this machine's users; there peer and scram are fine, trust is not. */
function isOpen({ type, method, address }: DatabaseFacts['hba'][number]): boolean {
  if (method === 'reject') return false;
  if (['trust', 'password', 'md5', 'ident'].includes(method)) return true;
  const loopback = /^(127\.|::1)/.test(address);
  return (type === 'host' || type === 'hostnossl') && !loopback && address !== '';
}
