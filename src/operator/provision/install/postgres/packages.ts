import { readdir, readlink, symlink } from 'node:fs/promises';
import { fileStep } from '../kinds/file.ts';
import { packagesStep } from '../kinds/packages.ts';
import type { MachineFacts, Step } from '../step.ts';

/** Postgres' own packages: of the distribution where it has that major version, else of PGDG, its makers' repository. */
export function serverPackages(major: number): readonly Step[] {
  const server = packagesStep({
    id: 'postgres.packages',
    title: `Postgres ${major}`,
    packages: [`postgresql-${major}`, `postgresql-client-${major}`],
  });
  return [
    fileStep({
      id: 'postgres.no-main-cluster',
      title: 'no surprise cluster with the package',
      files: [
        {
          // Debian's package would start a cluster on 5432, without checksums and in clear.
          path: '/etc/postgresql-common/createcluster.d/vectabase.conf',
          content: '# Written by `vectabase install`, which makes its own cluster.\ncreate_main_cluster = false\n',
        },
      ],
    }),
    commonPackages(),
    fileStep({
      id: 'postgres.repository',
      title: 'package repository of Postgres',
      files: async ({ facts }) => [pgdgSource(facts, major)].filter((file) => file !== undefined),
    }),
    {
      ...server,
      /** Debian's package, purged, drops every cluster of its version, data included: other people's stay. */
      async undo(machine, records, options) {
        const others = await readdir(`/etc/postgresql/${major}`).catch(() => []);
        const left = others.length === 0 ? records : records.filter(({ kind }) => kind !== 'package');
        await server.undo(machine, left, options);
      },
    },
  ];
}

/** Purged, these packages leave a user and its groups, and take away a link that was there before them. */
function commonPackages(): Step {
  const step = packagesStep({
    id: 'postgres.common',
    title: "Debian's tools for clusters of Postgres",
    packages: ['postgresql-common', 'ca-certificates'],
  });
  return {
    ...step,
    async apply(machine, record) {
      for (const [kind, database, target] of MADE) {
        const { exitCode } = await machine.ask(['getent', database, target]);
        if (exitCode !== 0) await record({ kind, target });
      }
      const to = await readlink(LOCALE).catch(() => undefined);
      if (to !== undefined) await record({ kind: 'taken-link', target: LOCALE, to });
      await step.apply(machine, record);
    },
    async undo(machine, records, options) {
      await step.undo(machine, records, options);
      const to = records.find(({ kind }) => kind === 'taken-link')?.['to'];
      if (typeof to === 'string' && !(await readlink(LOCALE).catch(() => undefined))) await symlink(to, LOCALE);
    },
  };
}

/** By postgresql-common. Files that are left keep the number of the user, and are given back to it when it comes again. */
const MADE = [
  ['user', 'passwd', 'postgres'],
  ['group', 'group', 'postgres'],
  ['group', 'group', 'ssl-cert'],
] as const;

/** Where `locales`, which Postgres depends on, keeps the machine's language. */
const LOCALE = '/etc/default/locale';

/** The major version that the distribution itself has. */
const OWN: Readonly<Record<string, number>> = { trixie: 17, noble: 16 };

/** Its key comes with postgresql-common, so the distribution vouches for it. Undefined where it is not needed. */
export function pgdgSource({ os }: MachineFacts, major: number): { path: string; content: string } | undefined {
  if (OWN[os.codename] === major) return undefined;
  return {
    path: '/etc/apt/sources.list.d/vectabase-pgdg.sources',
    content: [
      '# Written by `vectabase install`: Postgres of the version that was asked for.',
      'Types: deb',
      'URIs: https://apt.postgresql.org/pub/repos/apt',
      `Suites: ${os.codename}-pgdg`,
      'Components: main',
      'Signed-By: /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc',
      '',
    ].join('\n'),
  };
}
