import { bytes } from '../../foundation/core/numbers.ts';
import { fail, ok, setting, warn, type AnyCheck } from './check.ts';
import { CHECKS } from './checks/all.ts';
import { firstStep, grave } from './checks/backups.ts';

/** One line of `status` each: what runs, and what would keep an owner from sleeping. */
export const STATUS_CHECKS: readonly AnyCheck[] = [
  {
    id: 'status.postgres',
    title: 'Postgres',
    fact: 'database',
    judge: (facts, { where }) => {
      const { connections } = facts.activity;
      const limit = Number(setting(facts, 'max_connections'));
      const size = bytes(facts.databases.reduce((sum, each) => sum + each.bytes, 0));
      const version = setting(facts, 'server_version').split(' ')[0] ?? '';
      const evidence = `${version}, ${connections} of ${limit} connections, ${size}`;
      return connections > limit * 0.9 ? warn(evidence, `vectabase db inspect role-connections${where}`) : ok(evidence);
    },
  },
  titled('pgbouncer.answers', 'PgBouncer'),
  titled('api.ready', 'API'),
  titled('units.active', 'Services'),
  {
    id: 'status.volume',
    title: 'Volume',
    fact: 'volume',
    judge: ({ allowPlaintext, findings }) => {
      const refused = findings.find(({ level }) => level === 'refused');
      if (refused === undefined) return ok(`encrypted: ${findings.find(({ rule }) => rule === 'path')?.reason ?? ''}`);
      return allowPlaintext
        ? warn('PLAINTEXT ALLOWED: whoever gets the disk reads the data', 'vectabase doctor')
        : fail(`${refused.subject}: ${refused.reason}`, 'vectabase doctor');
    },
  },
  titled('certificates.expiry', 'TLS'),
  titled('disk.space', 'Disk'),
  {
    id: 'status.backups',
    title: 'Backups',
    fact: 'backups',
    judge: ({ line, newestAge, recoveryKey, clockBehind = 0, sameDisk }, about) => {
      if (newestAge === null) return grave(about, line, firstStep(recoveryKey));
      if (clockBehind > 60)
        return grave(
          about,
          `the clock is behind the backups; ${line}`,
          'timedatectl set-ntp true && vectabase backup create',
        );
      return sameDisk
        ? grave(
            about,
            `${line}; on the disk of the data, so not a backup`,
            'vectabase config set backup.directory /mnt/OTHER-DISK',
          )
        : ok(line);
    },
  },
  titled('alerts.raised', 'Alerts'),
  titled('settings.accepted', 'Settings'),
];

/** A check of the doctor under a shorter name. */
function titled(id: string, title: string): AnyCheck {
  const check = CHECKS.find((each) => each.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return { ...check, title };
}
