import type { Machine } from '../step.ts';

/**
 * Takes packages away again, configuration included, unless something else on the machine needs them by now: then that
 * one stays.
 */
export async function removePackages(machine: Machine, names: readonly string[]): Promise<void> {
  const there = await known(machine, names);
  if (there.length === 0) return;
  const alone = await removable(machine, there);
  if (alone.length === 0) return;
  await machine.run([...PURGE, ...alone], { env: ENVIRONMENT, timeout: 1_800_000 });
}

const PURGE = ['apt-get', '--quiet', '--yes', '-o', 'DPkg::Lock::Timeout=300', 'purge'] as const;
const ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' };

/** Installed, or removed with their configuration left. */
async function known(machine: Machine, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const format = '--showformat=${Package} ${db:Status-Status}\\n';
  const { stdout } = await machine.ask(['dpkg-query', '--show', format, ...names]);
  const there = stdout.split('\n').filter((line) => line !== '' && !line.endsWith(' not-installed'));
  return [...new Set(there.map((line) => line.split(' ')[0] ?? ''))];
}

/** Takes out what would pull others along, until only ours would go. */
async function removable(machine: Machine, names: readonly string[]): Promise<string[]> {
  const taken = async (some: readonly string[]): Promise<string[]> => {
    const { stdout } = await machine.ask([...PURGE, '--simulate', ...some], { env: ENVIRONMENT });
    return [...stdout.matchAll(/^(?:Remv|Purg) (\S+)/gm)].map(([, name]) => name ?? '');
  };
  const ours = new Set(names);
  if ((await taken(names)).every((name) => ours.has(name))) return [...names];
  const alone: string[] = [];
  for (const name of names) {
    if ((await taken([...alone, name])).every((each) => ours.has(each))) alone.push(name);
  }
  return alone;
}
