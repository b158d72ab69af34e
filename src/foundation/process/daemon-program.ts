import { open } from 'node:fs/promises';
import { secretsPaths } from '../config/directory.ts';
import { environment, MASTER_KEY_VARIABLE } from '../config/environment.ts';
import { readRuntimeFile, type RuntimeConfig } from '../config/runtime-file.ts';
import { assetPath } from '../core/assets.ts';
import { withResources } from '../core/release.ts';
import { startChild, type Child, type ChildOptions } from './child.ts';
import { PLAIN_ENVIRONMENT } from './run.ts';
import { isRoot } from './service-user.ts';

interface DaemonOptions extends Omit<ChildOptions, 'stdio' | 'runAs' | 'env'> {
  readonly stdio: readonly ['pipe', 'pipe' | 'inherit', number | 'inherit'];
  /** As text; the one of our own environment unless told. A process shows its environment to its own user alone. */
  readonly masterKey?: string;
}

type User = NonNullable<RuntimeConfig['runAs']>;

/**
 * Without it Node lets young objects fill 48 MB before it looks for dead ones; with it the idle daemon takes 80 MB
 * instead of 110. Requests leave little behind that lives longer than they do. Workers inherit it.
 */
export const NODE_FLAGS = ['--max-semi-space-size=2'];

/** The descriptors that the child finds behind its standard three: the package, the runtime file, Node. */
const CODE = '/proc/self/fd/3';
const CONFIG = 'fd:4';
const NODE = '/proc/self/fd/5';

/** And behind them, when the runtime file names secrets: their directory, and the private key that opens them. */
export const HANDED_SECRETS = { directory: '/proc/self/fd/6', identityFile: 'fd:7' } as const;

/**
 * Starts `bin/daemon.js` with a runtime file; as root, as the user that the file names.
 *
 * That user may be unable to enter what lies above the clone or above Node (`/root`, where nvm puts it), or to read the
 * file. Starting as root and giving root up when all is loaded would do, but not with Debian's Node: built against a
 * shared libuv, its `process.setuid` always throws (CVE-2024-22017). So the child starts as that user and is handed what
 * it cannot reach as open descriptors: below one the kernel checks what lies there, not the way to it.
 *
 * Where the code itself is closed to that user (umask 077), or there is no /proc to go through (macOS), the daemon
 * starts as root and gives it up by itself, if it can.
 */
export async function startDaemonProgram(configFile: string, options: DaemonOptions): Promise<Child> {
  const { stdio, masterKey = environment()[MASTER_KEY_VARIABLE], ...others } = options;
  const env = { ...PLAIN_ENVIRONMENT, ...(masterKey === undefined ? {} : { [MASTER_KEY_VARIABLE]: masterKey }) };
  const rest = { ...others, env };
  const { runAs, secrets } = (isRoot() ? readOrNothing(configFile) : undefined) ?? {};
  const plain = async (): Promise<Child> =>
    startChild([process.execPath, ...NODE_FLAGS, script(assetPath()), '--config', configFile], {
      ...rest,
      stdio: [...stdio],
    });
  if (runAs === undefined) return plain();
  return withResources(async (scope) => {
    const descriptors: number[] = [];
    const identity = secrets && (secrets.identityFile ?? secretsPaths(secrets.directory).identity);
    const forSecrets = secrets === undefined || identity === undefined ? [] : [secrets.directory, identity];
    for (const file of [assetPath(), configFile, process.execPath, ...forSecrets]) {
      const handle = scope.add(await open(file), async (opened) => opened.close());
      descriptors.push(handle.fd);
    }
    const code = await firstOf([assetPath(), CODE], (root) => mayUse(runAs, '-r', loadedFrom(root), descriptors));
    const node = await firstOf([process.execPath, NODE], (file) => mayUse(runAs, '-x', [file], descriptors));
    if (code === undefined || node === undefined) return plain();
    // Only there: resolved, the link would be the closed path again. Elsewhere packages may rely on their real paths (pnpm).
    const links = code === CODE ? ['--preserve-symlinks', '--preserve-symlinks-main'] : [];
    return startChild([node, ...NODE_FLAGS, ...links, script(code), '--config', CONFIG], {
      ...rest,
      runAs,
      stdio: [...stdio, ...descriptors],
    });
  });
}

const script = (root: string): string => `${root}/bin/daemon.js`;

/** Stand for the code and for what it imports. */
const loadedFrom = (root: string): string[] => [
  `${root}/dist/daemon/main.js`,
  `${root}/node_modules/express/package.json`,
];

/** A file that cannot be used names nobody: the daemon reads it too, and tells what is wrong. */
function readOrNothing(configFile: string): RuntimeConfig | undefined {
  try {
    return readRuntimeFile(configFile);
  } catch {
    return undefined;
  }
}

async function firstOf(candidates: readonly string[], fits: (candidate: string) => Promise<boolean>) {
  for (const candidate of candidates) if (await fits(candidate)) return candidate;
  return undefined;
}

/** Asked of the kernel by that user, so that ACLs and mount options count. */
async function mayUse(
  runAs: User,
  how: '-r' | '-x',
  files: readonly string[],
  descriptors: readonly number[],
): Promise<boolean> {
  const ask = 'how=$1; shift; for file; do test "$how" "$file" || exit 1; done';
  const child = await startChild(['sh', '-c', ask, 'sh', how, ...files], {
    runAs,
    stdio: ['ignore', 'ignore', 'ignore', ...descriptors],
  });
  return (await child.exited).code === 0;
}
