import { duration, whole } from '../../../foundation/core/numbers.ts';
import { fail, ok, warn, type About, type Check, type Verdict } from '../check.ts';
import { ago } from './guards.ts';

const DAY = 86_400;
/** That there is no backup is one finding, not six. */
const NONE_YET = ok('waits for the first backup');

export const BACKUP_CHECKS: ReadonlyArray<Check<'alerts'> | Check<'backups'> | Check<'database'> | Check<'keys'>> = [
  {
    id: 'alerts.raised',
    title: 'nothing that the daemon alerts on',
    fact: 'alerts',
    judge: ({ conditions }) => {
      const sorted = conditions.toSorted((a, b) => a.severity.localeCompare(b.severity)); // critical, warning
      const [first, ...others] = sorted;
      if (first === undefined) return ok('none is raised');
      const evidence = [first.title, ...others.map(({ title, command }) => `${title} (${command})`)].join('; ');
      return first.severity === 'critical' ? fail(evidence, first.command) : warn(evidence, first.command);
    },
  },
  {
    id: 'backups.key',
    title: 'a recovery key',
    fact: 'keys',
    judge: ({ recoveryKey }, about) =>
      recoveryKey
        ? ok('backups are sealed for it')
        : grave(about, 'there is none, and without one no backup', firstStep(recoveryKey)),
  },
  {
    id: 'backups.age',
    title: 'a backup of today',
    fact: 'backups',
    judge: ({ newestAge, recoveryKey, clockBehind = 0 }, about) => {
      const fix = 'vectabase backup create';
      if (newestAge === null) return grave(about, 'there is none', firstStep(recoveryKey));
      if (clockBehind > 60) {
        const what = `the clock is ${duration(clockBehind)} behind the backups, so it is wrong or was`;
        return grave(about, what, `timedatectl set-ntp true && ${fix}`);
      }
      if (newestAge > 7 * DAY) return grave(about, `the newest is of ${ago(newestAge)}`, fix);
      return newestAge > 1.5 * DAY
        ? warn(`the newest is of ${ago(newestAge)}`, `${fix}${about.where}`)
        : ok(ago(newestAge));
    },
  },
  {
    id: 'backups.place',
    title: 'backups in another place than the data',
    fact: 'backups',
    judge: ({ sameDisk, where: place, newestAge, copies }, about) => {
      if (newestAge === null) return NONE_YET;
      const told = `${place} is on the disk of the data: not a backup`;
      return sameDisk
        ? grave(about, told, 'vectabase config set backup.directory /mnt/OTHER-DISK')
        : ok([place, ...copies.map(({ where }) => where)].join(', '));
    },
  },
  {
    id: 'backups.copies',
    title: 'copies close behind',
    fact: 'backups',
    judge: ({ copies, newestAge }, { where }) => {
      const fix = `vectabase backup copy${where}`;
      const worst = copies.toSorted((a, b) => (b.behind ?? Infinity) - (a.behind ?? Infinity))[0];
      if (worst === undefined || newestAge === null) return ok('none is asked for');
      if (worst.behind === null) return fail(`nothing is in ${worst.where} yet`, fix);
      const evidence = `${worst.where}: ${duration(worst.behind)} behind`;
      if (worst.behind > DAY) return fail(evidence, fix);
      return worst.behind > 2 * 3_600 ? warn(evidence, fix) : ok(evidence);
    },
  },
  {
    id: 'backups.rehearsal',
    title: 'a restore that was proved',
    fact: 'backups',
    judge: ({ rehearsalAge, newestAge }, { where }) => {
      if (newestAge === null) return NONE_YET;
      const fix = `vectabase backup rehearse --key recovery.key${where}`;
      if (rehearsalAge === null) return warn('never: nobody knows that the backups restore', fix);
      return rehearsalAge > 14 * DAY ? warn(ago(rehearsalAge), fix) : ok(ago(rehearsalAge));
    },
  },
  {
    id: 'backups.key-proof',
    title: 'an owner who has the key',
    fact: 'backups',
    judge: ({ keyProofAge, newestAge }, { where }) => {
      if (newestAge === null) return NONE_YET;
      if (keyProofAge === undefined) return ok('is not asked here');
      const fix = `vectabase backup verify --key recovery.key${where}`;
      if (keyProofAge === null) return warn('was never proved', fix);
      return keyProofAge > 45 * DAY
        ? warn(`was proved ${ago(keyProofAge)}`, fix)
        : ok(`was proved ${ago(keyProofAge)}`);
    },
  },
  {
    id: 'backups.configuration',
    title: 'a backup of the configuration of today',
    fact: 'backups',
    only: 'machine',
    judge: ({ configAge }, { where }) => {
      if (configAge === null) return NONE_YET;
      if (configAge <= 1.5 * DAY) return ok(ago(configAge));
      return warn(`none for ${duration(configAge)}`, `vectabase backup create --kind config${where}`);
    },
  },
  {
    id: 'backups.locked',
    title: 'recovery keys that open all that is kept',
    fact: 'backups',
    judge: ({ locked }, { where }) => {
      const [first] = locked;
      if (!first) return ok('each opens everything');
      const evidence = `${first.recipient} does not open ${first.epochs.length} epochs, ${first.epochs[0] ?? ''} first`;
      return warn(evidence, `vectabase backup keys add ${first.recipient} --key FILE${where}`);
    },
  },
  {
    id: 'backups.lag',
    title: 'the store close behind',
    fact: 'backups',
    judge: ({ lag, continuous, newestAge }, { where, kind }) => {
      if (newestAge === null) return NONE_YET;
      const fix = `vectabase logs daemon${where}`;
      if (!continuous) {
        const turnOn = kind === 'up' ? `vectabase config set backup.archive true${where}` : fix;
        return warn('only whole backups are kept: what came after the newest would be lost', turnOn);
      }
      if (lag === null) return fail('nothing was archived yet', fix);
      if (lag > 3_600) return fail(`${duration(lag)} behind`, fix);
      return lag > 600 ? warn(`${duration(lag)} behind`, fix) : ok(`${duration(lag)} behind`);
    },
  },
  {
    id: 'backups.archiving',
    title: 'WAL that finds its way out',
    fact: 'database',
    only: 'machine',
    judge: ({ archiver, settings }, { where }) => {
      const mode = settings.find(({ name }) => name === 'archive_mode')?.setting;
      if (mode === 'off' || mode === undefined) return fail('archive_mode is off', 'vectabase install');
      const evidence = `${whole(archiver.archived)} segments archived, ${whole(archiver.ready)} wait`;
      if (archiver.failing)
        return fail(`${archiver.lastFailed} was refused; ${evidence}`, `vectabase logs postgres${where}`);
      if (archiver.ready > 64) return fail(evidence, `vectabase logs daemon${where}`);
      return archiver.ready > 8 ? warn(evidence, `vectabase logs daemon${where}`) : ok(evidence);
    },
  },
];

/** Towards the first backup: it is sealed for a key, which comes first. */
export function firstStep(recoveryKey: boolean): string {
  return recoveryKey ? 'vectabase backup create' : 'vectabase backup key --out recovery.key';
}

/** A server without backups is broken; on a developer's machine it is worth a word. */
export function grave({ kind, where }: About, evidence: string, fix: string): Verdict {
  return kind === 'machine' ? fail(evidence, `${fix}${where}`) : warn(evidence, `${fix}${where}`);
}
