import { count } from '../../../foundation/core/numbers.ts';
import { fail, ok, some, warn, type Check } from '../check.ts';

export const PACKAGE_CHECKS: ReadonlyArray<Check<'packages'> | Check<'pgbouncer'>> = [
  {
    id: 'packages.node',
    title: 'a Node.js that is supported',
    fact: 'packages',
    judge: ({ node }) => {
      const [major = 0, minor = 0] = node.replace(/^v/, '').split('.').map(Number);
      return major > 20 || (major === 20 && minor >= 19)
        ? ok(node)
        : fail(`${node}; 20.19 is the oldest that works`, 'apt-get install -y nodejs');
    },
  },
  {
    id: 'packages.updates',
    title: 'the newest minor releases',
    fact: 'packages',
    only: 'machine',
    judge: ({ outdated }) =>
      outdated.length > 0
        ? warn(some(outdated), 'apt-get update && apt-get upgrade')
        : ok('Postgres and PgBouncer are the newest that apt knows'),
  },
  {
    id: 'packages.security',
    title: 'no security update outstanding',
    fact: 'packages',
    only: 'machine',
    judge: ({ securityUpdates }) => {
      if (securityUpdates === null) return warn('apt cannot be asked', 'apt-get update');
      return securityUpdates > 0
        ? fail(`${count(securityUpdates, 'security update')} wait`, 'unattended-upgrade -v')
        : ok('none that apt knows of');
    },
  },
  {
    id: 'packages.unattended',
    title: 'security updates by themselves',
    fact: 'packages',
    only: 'machine',
    judge: ({ unattendedUpgrades }) =>
      unattendedUpgrades
        ? ok('unattended-upgrades is on')
        : warn('nobody installs security updates', 'apt-get install -y unattended-upgrades && vectabase install'),
  },
  {
    id: 'pgbouncer.holes',
    title: 'a PgBouncer without known holes',
    fact: 'pgbouncer',
    only: 'machine',
    judge: ({ version, pools, holes }) => {
      if (!pools) return fail(`${version} keeps no prepared statements; 1.21 does`, 'vectabase install');
      const told = holes.map(({ id, what }) => `${id} (${what})`);
      return holes.length === 0
        ? ok(version)
        : fail(`${version}: ${some(told)}`, 'apt-get update && apt-get install pgbouncer');
    },
  },
  {
    id: 'pgbouncer.answers',
    title: 'PgBouncer answers',
    fact: 'pgbouncer',
    only: 'machine',
    judge: ({ answers, port }) =>
      answers ? ok(`on port ${port}`) : fail(`nothing answers on port ${port}`, 'systemctl restart pgbouncer.service'),
  },
  {
    id: 'pgbouncer.settings',
    title: 'PgBouncer asks for TLS and passwords',
    fact: 'pgbouncer',
    only: 'machine',
    judge: ({ settings }) => {
      const wrong = Object.entries(BOUNCER_SETTINGS).flatMap(([name, good]) =>
        good.test(settings[name] ?? '') ? [] : [`${name} = ${settings[name] ?? 'unset'}`],
      );
      return wrong.length === 0
        ? ok('transaction pooling, scram, TLS both ways')
        : fail(some(wrong), 'vectabase install');
    },
  },
];

const BOUNCER_SETTINGS: Readonly<Record<string, RegExp>> = {
  pool_mode: /^transaction$/,
  auth_type: /^(scram-sha-256|hba|cert)$/,
  client_tls_sslmode: /^(require|verify-ca|verify-full)$/,
  server_tls_sslmode: /^verify-full$/,
};
