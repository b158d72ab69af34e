/**
 * What backups cost. `npm run bench:backup -- archive [--rounds 3] [--segments 24]`
 * and what a return to a second costs, against other tools: `npm run bench:backup -- restore [--scale 20] [--wal 64]`
 * and against its floor, step by step: `npm run bench:backup -- rehearse [--rounds 3] [--scale 20] [--wal 64]`
 */
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    segments: { type: 'string', default: '24' },
    scale: { type: 'string', default: '20' },
    wal: { type: 'string', default: '64' },
  },
});
const [part = 'archive'] = positionals;
if (part === 'archive') {
  const { benchArchive } = await import('./backup-archive.ts');
  await benchArchive({ rounds: Number(values.rounds), segments: Number(values.segments) });
} else if (part === 'restore') {
  const { benchRestore } = await import('./backup-restore.ts');
  await benchRestore({ scale: Number(values.scale), walMegabytes: Number(values.wal) });
} else if (part === 'rehearse') {
  const { benchRehearse } = await import('./backup-rehearse.ts');
  await benchRehearse({
    rounds: Number(values.rounds),
    scale: Number(values.scale),
    walMegabytes: Number(values.wal),
  });
} else throw new Error(`no such part: ${part}`);
