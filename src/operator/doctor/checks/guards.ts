import { duration } from '../../../foundation/core/numbers.ts';
import { fail, ok, some, warn, type About, type Check } from '../check.ts';

const DAY_MS = 86_400_000;

/** Certificates, the volume, units, files, keys: what keeps strangers out. */
export const GUARD_CHECKS: ReadonlyArray<
  | Check<'certificates'>
  | Check<'volume'>
  | Check<'units'>
  | Check<'files'>
  | Check<'drift'>
  | Check<'keys'>
  | Check<'settings'>
> = [
  {
    id: 'settings.accepted',
    title: 'settings that are accepted',
    fact: 'settings',
    judge: ({ mistakes }, { where }) =>
      mistakes.length === 0
        ? ok('each is accepted')
        : fail(`${some(mistakes, 1)}; what is shown here is without it`, `vectabase config check${where}`),
  },
  {
    id: 'certificates.expiry',
    title: 'certificates that last',
    fact: 'certificates',
    judge: (certificates, about) => {
      const soonest = certificates.toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0))[0];
      if (soonest === undefined) return ok('none is used');
      if (soonest.expiresAt === null) return fail(`${soonest.file} is missing or no certificate`, renew(about));
      const days = Math.floor((soonest.expiresAt - about.now) / DAY_MS);
      const evidence = days < 0 ? `${soonest.name}: ended ${-days} days ago` : `${soonest.name}: ${days} days left`;
      if (days < 7) return fail(evidence, renew(about));
      return days < 30 ? warn(evidence, renew(about)) : ok(evidence);
    },
  },
  {
    id: 'certificates.trust',
    title: 'certificates of our authority, with their keys',
    fact: 'certificates',
    judge: (certificates, about) => {
      const wrong = certificates.filter(({ trusted, expiresAt }) => !trusted && expiresAt !== null);
      return wrong.length === 0 ? ok('each fits its key') : fail(some(wrong.map(({ file }) => file)), renew(about));
    },
  },
  {
    id: 'volume.encrypted',
    title: 'data that is encrypted on disk',
    fact: 'volume',
    only: 'machine',
    judge: ({ allowPlaintext, findings }) => {
      const refused = findings.filter(({ level }) => level === 'refused');
      const told = refused.map(({ subject, reason }) => `${subject}: ${reason}`);
      if (refused.length === 0) {
        return ok(
          some(
            findings.filter(({ rule }) => rule === 'path').map(({ subject, reason }) => `${subject}: ${reason}`),
            1,
          ),
        );
      }
      return allowPlaintext
        ? warn(`PLAINTEXT ALLOWED. ${some(told)}`, 'vectabase install --dry-run --volume fscrypt')
        : fail(some(told), 'vectabase install');
    },
  },
  {
    id: 'volume.leaks',
    title: 'no way around the encryption',
    fact: 'volume',
    only: 'machine',
    judge: ({ findings }) => {
      const noted = findings.filter(({ level }) => level === 'noted');
      const fix = noted.some(({ rule }) => rule === 'recovery')
        ? 'vectabase volume recovery'
        : 'vectabase volume status';
      return noted.length === 0
        ? ok('swap, core dumps and key are covered')
        : warn(some(noted.map(({ subject, reason }) => `${subject}: ${reason}`)), fix);
    },
  },
  {
    id: 'units.active',
    title: 'services that run',
    fact: 'units',
    only: 'machine',
    judge: (units) => {
      const down = units.filter(({ state }) => state !== 'active');
      const [first] = down;
      if (first === undefined) return ok(`${units.length} of ${units.length}`);
      const told = some(down.map(({ name, state }) => `${name} is ${state}`));
      return fail(told, first.state === 'missing' ? 'vectabase install' : `systemctl restart ${first.name}`);
    },
  },
  {
    id: 'units.enabled',
    title: 'services that start at boot',
    fact: 'units',
    only: 'machine',
    judge: (units) => {
      const off = units.filter(({ enabled, state }) => !enabled && state !== 'missing').map(({ name }) => name);
      return off.length === 0 ? ok('all of them') : fail(some(off), `systemctl enable ${off.join(' ')}`);
    },
  },
  {
    id: 'units.restarts',
    title: 'services that stay up',
    fact: 'units',
    only: 'machine',
    judge: (units) => {
      const restless = units.filter(({ restarts }) => restarts > 3);
      const [first] = restless;
      return first === undefined
        ? ok('none was restarted by systemd')
        : warn(
            some(restless.map(({ name, restarts }) => `${name}: ${restarts} times`)),
            `journalctl -u ${first.name} -n 50`,
          );
    },
  },
  {
    id: 'units.exposure',
    title: 'services that are locked in',
    fact: 'units',
    only: 'machine',
    judge: (units) => {
      const open = units.filter(
        ({ exposure, exposureLimit }) => exposure !== null && exposureLimit !== null && exposure > exposureLimit,
      );
      const known = units.filter(({ exposure }) => exposure !== null);
      return open.length === 0
        ? ok(some(known.map(({ name, exposure }) => `${name} ${exposure ?? ''}`)))
        : warn(
            some(
              open.map(
                ({ name, exposure, exposureLimit }) => `${name} ${exposure ?? ''} (limit ${exposureLimit ?? ''})`,
              ),
            ),
            'vectabase install',
          );
    },
  },
  {
    id: 'files.modes',
    title: 'secrets that others cannot read',
    fact: 'files',
    judge: (files) => {
      const open = files.filter(({ mode, forbidden }) => mode !== null && (mode & forbidden) !== 0);
      const [first] = open;
      return first === undefined
        ? ok(`${files.filter(({ mode }) => mode !== null).length} files`)
        : fail(
            some(open.map(({ path, mode }) => `${path} ${(mode ?? 0).toString(8)}`)),
            `chmod ${((first.mode ?? 0) & ~first.forbidden).toString(8)} ${first.path}`,
          );
    },
  },
  {
    id: 'files.present',
    title: 'files that cannot be made again',
    fact: 'files',
    judge: (files, { where }) => {
      const gone = files.filter(({ required, mode }) => required && mode === null).map(({ path }) => path);
      return gone.length === 0
        ? ok('all are there')
        : fail(`${some(gone)} missing`, `vectabase backup restore --help${where}`);
    },
  },
  {
    id: 'files.drift',
    title: 'everything as install left it',
    fact: 'drift',
    only: 'machine',
    judge: (drift) =>
      drift.length === 0
        ? ok('no difference')
        : warn(
            some(drift.map(({ target, note }) => (note === '' ? target : `${target}: ${note}`))),
            'vectabase install',
          ),
  },
  {
    id: 'keys.master',
    title: 'the master key that the data was made with',
    fact: 'keys',
    judge: ({ masterKey }, { where }) => {
      if (masterKey === 'right' || masterKey === 'credential')
        return ok(masterKey === 'right' ? 'it is the one' : 'sealed for systemd');
      if (masterKey === 'unproved') return warn('there is nothing to prove it against', `vectabase up${where}`);
      return fail(`it is ${masterKey}`, `vectabase keys show${where}`);
    },
  },
  {
    id: 'keys.secrets',
    title: 'a key for the secrets',
    fact: 'keys',
    judge: ({ secretsIdentity, secretFiles }, { where }) =>
      secretsIdentity || secretFiles === 0
        ? ok(secretFiles === 0 ? 'no secrets are kept' : 'it is there')
        : fail('secrets are kept that nothing here opens', `vectabase secrets recipients list${where}`),
  },
];

function renew({ kind, where }: About): string {
  return kind === 'machine' ? 'vectabase install' : `vectabase up${where}`;
}

export function ago(seconds: number): string {
  return `${duration(seconds)} ago`;
}
