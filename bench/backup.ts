/**
 * What backups cost. `npm run bench:backup -- archive [--rounds 3] [--segments 24]`
 */
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' }, segments: { type: 'string', default: '24' } },
});
const [part = 'archive'] = positionals;
if (part !== 'archive') throw new Error(`no such part: ${part}`);
const { benchArchive } = await import('./backup-archive.ts');
await benchArchive({ rounds: Number(values.rounds), segments: Number(values.segments) });
