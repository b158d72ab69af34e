import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

/** What is installed in every tree. `systemd-sysv` would say the same: without an init there is nothing to boot. */
const BASE = ['systemd', 'dbus', 'nodejs', 'ca-certificates'];

/** A tree of the cache: what it is built from, and what is done to it before it is put there. */
interface Recipe {
  readonly packages: readonly string[];
  readonly hooks: readonly string[];
}

const QUIET = [
  // They would disturb measurements.
  'chroot "$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer',
  // Empty, not missing: without the file systemd sees a first boot and enables every unit, nftables too.
  ': > "$1/etc/machine-id"; rm -f "$1/etc/hostname"',
];

/** What `vectabase install` may ask apt for, and what the tests of a bare machine need besides. */
const DOWNLOADED = [
  'postgresql-17',
  'postgresql-client-17',
  'postgresql-common',
  'pgbouncer',
  'caddy',
  'nftables',
  'fscrypt',
  'cryptsetup-bin',
  'cryptsetup',
  'e2fsprogs',
  'acl',
  'logrotate',
  'unattended-upgrades',
  'needrestart',
  'openssh-server',
  'openssh-client',
  'tpm2-tools',
  'libtpm2-pkcs11-1',
  'ufw',
  'curl',
  'rsync',
];

/** An apt repository in a directory, with everything that an installation may ask for. */
const FROM_DIRECTORY = [
  `chroot "$1" apt-get install --yes --quiet --download-only -o APT::Keep-Downloaded-Packages=true ${DOWNLOADED.join(' ')}`,
  'mkdir -p "$1/srv/apt" && mv "$1"/var/cache/apt/archives/*.deb "$1/srv/apt/"',
  `cd "$1/srv/apt" && for file in *.deb; do dpkg-deb --field "$file"; stat --format "Size: %s" "$file"; ` +
    `sha256sum "$file" | sed "s/\\(.*\\)  \\(.*\\)/SHA256: \\1\\nFilename: .\\/\\2\\n/"; done > Packages`,
  'rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*; echo "deb [trusted=yes] file:/srv/apt ./" > "$1/etc/apt/sources.list"',
];

/** The disks that a virtual machine of the tests has. */
const FSTAB = ['/dev/vda / ext4 discard 0 1', '/dev/disk/by-label/release /vectabase ext4 ro 0 0'];

/**
 * `postgres` has the servers installed. `bare` is a fresh machine, where `apt-get update` and `install` work without a
 * network. `machine` is one with a kernel, for a virtual machine.
 */
const RECIPES = {
  postgres: {
    packages: ['postgresql-17', 'postgresql-client-17', 'pgcopydb', 'pgbouncer', ...BASE],
    // Trees may share the host's network, so nothing listens by itself: Debian starts a cluster on 5432, PgBouncer on 6432.
    hooks: ['chroot "$1" pg_dropcluster 17 main --stop', 'chroot "$1" systemctl disable pgbouncer.service', ...QUIET],
  },
  bare: {
    packages: BASE,
    hooks: [...FROM_DIRECTORY, ...QUIET],
  },
  machine: {
    packages: [...BASE, 'linux-image-amd64', 'initramfs-tools', 'qemu-guest-agent'],
    hooks: [
      ...FROM_DIRECTORY,
      `printf '%s\\n' ${FSTAB.map((line) => `'${line}'`).join(' ')} > "$1/etc/fstab"; mkdir "$1/vectabase"`,
      // All modules would be 40 MB, which an emulated processor unpacks for ten seconds.
      `cd "$1/etc/initramfs-tools"; echo MODULES=list > conf.d/list; printf '%s\\n' virtio_pci virtio_blk ext4 > modules`,
      'chroot "$1" update-initramfs -u',
      ...QUIET,
    ],
  },
} as const satisfies Record<string, Recipe>;

export type TreeKind = keyof typeof RECIPES;

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
 * A cached Debian 13 tree, built now if it is not there (about 50 s; 660 MB). The name carries a hash of the recipe.
 * One builder at a time by flock, which the kernel frees however the builder ends; the finished tree appears by rename,
 * and what a killed builder left is removed by the next one.
 */
export async function trixieTree(kind: TreeKind): Promise<string> {
  const { packages, hooks }: Recipe = RECIPES[kind];
  const recipe = createHash('sha256')
    .update(JSON.stringify([packages, hooks]))
    .digest('hex')
    .slice(0, 12);
  const cache = cacheDirectory();
  const tree = path.join(cache, `trixie-${kind}-${recipe}`);
  if (existsSync(tree)) return tree;
  const obstacle = trixieObstacle();
  if (obstacle !== undefined) throw new Error(`a Debian 13 tree ${obstacle}`);
  await mkdir(cache, { recursive: true });
  const build = [
    'set -e',
    '[ ! -d "$TREE" ] || exit 0',
    'rm -rf "$CACHE"/trixie-*.building',
    `mmdebstrap --quiet --mode=root --variant=important --include=${packages.join(',')} \\`,
    ...hooks.map((_, index) => `  --customize-hook="$HOOK_${index}" \\`),
    '  trixie "$TREE.building"',
    'mv -T "$TREE.building" "$TREE"',
  ].join('\n');
  await run('flock', [path.join(cache, 'trixie.lock'), 'sh', '-c', build], {
    ...process.env,
    TREE: tree,
    CACHE: cache,
    ...Object.fromEntries(hooks.map((hook, index) => [`HOOK_${index}`, hook])),
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
