import { fail, ok, psql, some, warn, type Check } from '../check.ts';

/** Who may be superuser: ours, and on plain servers Debian's. */
const SUPERUSERS = new Set(['supabase_admin', 'postgres']);
/** Visitors: what a token can be of. */
const VISITORS = ['anon', 'authenticated', 'authenticator'];

export const ROLE_CHECKS: ReadonlyArray<Check<'database'>> = [
  {
    id: 'roles.superusers',
    title: 'no superuser but ours',
    fact: 'database',
    judge: ({ roles }, { where }) => {
      const more = roles.filter(({ superuser, login, name }) => superuser && login && !SUPERUSERS.has(name));
      const [first] = more;
      return first === undefined
        ? ok(
            roles
              .filter(({ superuser }) => superuser)
              .map(({ name }) => name)
              .join(', ') || 'none',
          )
        : fail(some(more.map(({ name }) => name)), psql(`alter role "${first.name}" nosuperuser`, where));
    },
  },
  {
    id: 'roles.visitors',
    title: 'visitors without special rights',
    fact: 'database',
    judge: ({ roles }, { where }) => {
      const wrong = roles.find(
        ({ name, superuser, bypassesRls, createsRoles, replication }) =>
          VISITORS.includes(name) && (superuser || bypassesRls || createsRoles || replication),
      );
      return wrong === undefined
        ? ok('anon, authenticated and authenticator are plain roles')
        : fail(
            `${wrong.name} passes by policies`,
            psql(`alter role "${wrong.name}" nosuperuser nobypassrls nocreaterole noreplication`, where),
          );
    },
  },
  {
    id: 'roles.passwords',
    title: 'passwords kept as SCRAM',
    fact: 'database',
    judge: ({ roles }, { where }) => {
      const old = roles.filter(({ password }) => password === 'md5');
      const [first] = old;
      return first === undefined
        ? ok('all of them')
        : warn(
            `${some(old.map(({ name }) => name))}: MD5`,
            `vectabase db psql --superuser${where} -- -c '\\password ${first.name}'`,
          );
    },
  },
  {
    id: 'roles.policies',
    title: 'few roles that pass by policies',
    fact: 'database',
    judge: ({ roles }, { where }) => {
      const known = new Set([
        'service_role',
        'supabase_admin',
        'postgres',
        'supabase_storage_admin',
        'supabase_auth_admin',
        'supabase_read_only_user',
        'vectabase_backup', // a dump without it would lack the rows that policies hide
      ]);
      const more = roles.filter(({ bypassesRls, login, name }) => bypassesRls && login && !known.has(name));
      const [first] = more;
      return first === undefined
        ? ok('only those of the platform')
        : warn(some(more.map(({ name }) => name)), psql(`alter role "${first.name}" nobypassrls`, where));
    },
  },
];
