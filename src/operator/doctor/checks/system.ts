import { bytes, whole } from '../../../foundation/core/numbers.ts';
import { fail, ok, some, warn, type Check } from '../check.ts';

const SUPPORTED = ['debian 12', 'debian 13', 'ubuntu 22.04', 'ubuntu 24.04'];
const GIB = 1024 ** 3;

export const SYSTEM_CHECKS: ReadonlyArray<Check<'system'> | Check<'disks'>> = [
  {
    id: 'system.os',
    title: 'a system that is supported',
    fact: 'system',
    only: 'machine',
    judge: ({ os }) =>
      SUPPORTED.includes(`${os.id} ${os.version}`)
        ? ok(os.name)
        : warn(`${os.name} is not tested`, 'vectabase backup create'),
  },
  {
    id: 'system.clock',
    title: 'a clock that is kept',
    fact: 'system',
    judge: ({ clockSynchronised, container }) => {
      if (clockSynchronised === true) return ok('synchronised');
      if (clockSynchronised === null || container) return ok('kept by the host');
      return fail('nobody sets the clock: tokens and restores to an instant go by it', 'timedatectl set-ntp true');
    },
  },
  {
    id: 'system.memory',
    title: 'memory to spare',
    fact: 'system',
    judge: ({ memory }) => {
      const share = memory.available / memory.total;
      const evidence = `${bytes(memory.available)} of ${bytes(memory.total)} available`;
      if (share < 0.03) return fail(evidence, 'ps -eo rss,comm --sort=-rss | head');
      return share < 0.1 ? warn(evidence, 'ps -eo rss,comm --sort=-rss | head') : ok(evidence);
    },
  },
  {
    id: 'system.swap',
    title: 'swap hardly used',
    fact: 'system',
    judge: ({ swap }) =>
      swap.total > 0 && swap.used / swap.total > 0.5
        ? warn(`${bytes(swap.used)} of ${bytes(swap.total)} used`, 'ps -eo rss,comm --sort=-rss | head')
        : ok(swap.total === 0 ? 'none' : `${bytes(swap.used)} of ${bytes(swap.total)} used`),
  },
  {
    id: 'system.load',
    title: 'processors that keep up',
    fact: 'system',
    judge: ({ load, cores }) =>
      load > cores * 4
        ? warn(`load ${load.toFixed(1)} on ${cores} cores`, 'vectabase db inspect outliers')
        : ok(`load ${load.toFixed(1)} on ${cores} cores`),
  },
  {
    id: 'system.entropy',
    title: 'randomness for keys',
    fact: 'system',
    judge: ({ entropyBits }) =>
      entropyBits < 128
        ? fail(`${entropyBits} bits: new keys and connections wait`, 'apt-get install -y rng-tools5')
        : ok(`${entropyBits} bits`),
  },
  {
    id: 'system.reboot',
    title: 'no reboot outstanding',
    fact: 'system',
    judge: ({ rebootRequired }) =>
      rebootRequired ? warn('an update waits for a reboot', 'systemctl reboot') : ok('none is asked for'),
  },
  {
    id: 'system.journal',
    title: 'a journal of bounded size',
    fact: 'system',
    only: 'machine',
    judge: ({ journalBytes }) =>
      journalBytes > 2 * GIB
        ? warn(`${bytes(journalBytes)} of logs`, 'journalctl --vacuum-size=1G')
        : ok(`${bytes(journalBytes)} of logs`),
  },
  {
    id: 'disk.space',
    title: 'room on the disks',
    fact: 'disks',
    judge: (disks, { where }) => {
      const told = disks.map(
        ({ path, freeBytes, totalBytes }) => `${path}: ${bytes(freeBytes)} of ${bytes(totalBytes)} free`,
      );
      const share = Math.min(1, ...disks.map(({ freeBytes, totalBytes }) => freeBytes / totalBytes));
      const least = Math.min(...disks.map(({ freeBytes }) => freeBytes));
      const fix = `vectabase db inspect total-table-sizes${where}`;
      // Postgres stops at a full disk, and a base backup or a rebuilt index needs room for a copy.
      if (share < 0.05 || least < GIB / 4) return fail(some(told), fix);
      return share < 0.15 || least < 2 * GIB ? warn(some(told), fix) : ok(some(told));
    },
  },
  {
    id: 'disk.inodes',
    title: 'room for more files',
    fact: 'disks',
    judge: (disks) => {
      const short = disks.filter(({ inodes, inodesFree }) => inodes > 0 && inodesFree / inodes < 0.05);
      const [first] = short;
      return first === undefined
        ? ok('on every disk')
        : fail(
            `${first.path}: ${whole(first.inodesFree)} of ${whole(first.inodes)} free`,
            `du --inodes -d2 ${first.path}`,
          );
    },
  },
];
