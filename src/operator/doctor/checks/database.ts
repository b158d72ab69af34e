import { whole } from '../../../foundation/core/numbers.ts';
import { fail, ok, psql, setting, some, warn, type About, type Check } from '../check.ts';
import type { DatabaseFacts } from '../facts.ts';

/** How the server is set up. */
export const DATABASE_CHECKS: ReadonlyArray<Check<'database'>> = [
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

/** A socket is for this machine's users; there peer and scram are fine, trust is not. */
function isOpen({ type, method, address }: DatabaseFacts['hba'][number]): boolean {
  if (method === 'reject') return false;
  if (['trust', 'password', 'md5', 'ident'].includes(method)) return true;
  const loopback = /^(127\.|::1)/.test(address);
  return (type === 'host' || type === 'hostnossl') && !loopback && address !== '';
}
