import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

const PACKAGES = [
  'postgresql-17',
  'postgresql-client-17',
  'pgcopydb',
  'pgbouncer',
  'systemd',
  'dbus',
  'nodejs',
  'ca-certificates',
];

/**
 * Run in the new tree before it is put into the cache. The trees share the host's network, so nothing may listen by
 * itself: Debian's packages start a cluster on 5432 and PgBouncer on 6432. The apt timers would disturb measurements.
 */
const HOOKS = [
  'chroot "$1" pg_dropcluster 17 main --stop',
  'chroot "$1" systemctl disable pgbouncer.service',
  'chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer',
  // Empty, not missing: without the file systemd sees a first boot and enables every unit, nftables too.
  ': > "$1/etc/machine-id"; rm -f "$1/etc/hostname"',
];

/** The directory that keeps what is expensive to build: `$VECTABASE_CACHE`, else `/var/cache/vectabase`. */
export function cacheDirectory(): string {
  return process.env['VECTABASE_CACHE'] ?? '/var/cache/vectabase';
}

/** Why a Debian 13 tree cannot be built and booted here, or undefined when it can. */
function trixieObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['mmdebstrap', 'systemd-nspawn', 'nsenter', 'setpriv', 'flock'].filter((tool) => !onPath(tool));
  return missing.length === 0
    ? undefined
    : `needs ${missing.join(', ')}: apt-get install mmdebstrap systemd-container debian-archive-keyring util-linux`;
}

/**
 * The cached Debian 13 tree, built now if it is not there (about 50 s; 660 MB). The name carries a hash of the recipe.
 * One builder at a time by flock, which the kernel frees however the builder ends; the finished tree appears by rename,
 * and what a killed builder left is removed by the next one.
 */
export async function trixieTree(): Promise<string> {
  const recipe = createHash('sha256')
    .update(JSON.stringify([PACKAGES, HOOKS]))
    .digest('hex')
    .slice(0, 12);
  const cache = cacheDirectory();
  const tree = path.join(cache, `trixie-${recipe}`);
  if (existsSync(tree)) return tree;
  const obstacle = trixieObstacle();
  if (obstacle !== undefined) throw new Error(`a Debian 13 tree ${obstacle}`);
  await mkdir(cache, { recursive: true });
  const build = [
    'set -e',
    '[ ! -d "$TREE" ] || exit 0',
    'rm -rf "$CACHE"/trixie-*.building',
    `mmdebstrap --quiet --mode=root --variant=important --include=${PACKAGES.join(',')} \\`,
    ...HOOKS.map((_, index) => `  --customize-hook="$HOOK_${index}" \\`),
    '  trixie "$TREE.building"',
    'mv -T "$TREE.building" "$TREE"',
  ].join('\n');
  await run('flock', [path.join(cache, 'trixie.lock'), 'sh', '-c', build], {
    ...process.env,
    TREE: tree,
    CACHE: cache,
    ...Object.fromEntries(HOOKS.map((hook, index) => [`HOOK_${index}`, hook])),
  });
  return tree;
}

function onPath(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(path.join(directory, tool)));
}

async function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`building the Debian 13 tree failed (exit ${String(code)}):\n${output}`);
}
