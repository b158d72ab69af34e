import { open } from 'node:fs/promises';
import { assetPath } from '../core/assets.ts';
import { withResources } from '../core/release.ts';
import { startChild, type Child, type ChildOptions } from './child.ts';
import type { RunAs } from './run.ts';

interface DaemonOptions extends Omit<ChildOptions, 'stdio' | 'runAs'> {
  readonly stdio: readonly ['pipe', 'pipe' | 'inherit', number | 'inherit'];
  /** Who the daemon runs as, when that is not us. */
  readonly runAs?: Pick<RunAs, 'uid' | 'gid'> | undefined;
}

const SCRIPT = ['bin', 'daemon.js'] as const;
/** The descriptors that the child finds behind its standard three. */
const CODE = '/proc/self/fd/3';
const NODE = '/proc/self/fd/4';
const CONFIG = 'fd:5';

/**
 * Starts `bin/daemon.js` with a runtime file, as another user when told.
 *
 * That user may be unable to enter what lies above the clone or above Node (`/root`, `/root/.nvm`), or to read the file.
 * Starting as root and giving root up when all is loaded would do, but not with Debian's Node: built against a shared
 * libuv, its `process.setuid` always throws (CVE-2024-22017). So the child starts as that user and is handed them open:
 * below a descriptor the kernel checks what lies there, not the way to it.
 *
 * Where the code itself is closed to that user (umask 077) the daemon starts as root and gives it up by itself, if it can.
 */
export async function startDaemonProgram(configFile: string, options: DaemonOptions): Promise<Child> {
  const { runAs, stdio, ...rest } = options;
  const plain = async (): Promise<Child> =>
    startChild([process.execPath, assetPath(...SCRIPT), '--config', configFile], { ...rest, stdio: [...stdio] });
  if (runAs === undefined || process.platform !== 'linux') return plain();
  return withResources(async (scope) => {
    const opened = async (file: string): Promise<number> =>
      scope.add(await open(file), async (handle) => handle.close()).fd;
    const [code, node] = [await opened(assetPath()), await opened(process.execPath)];
    if (!(await canUse(runAs, [code, node]))) return plain();
    const argv = [NODE, '--preserve-symlinks', '--preserve-symlinks-main', [CODE, ...SCRIPT].join('/')] as const;
    return startChild([...argv, '--config', CONFIG], {
      ...rest,
      runAs,
      stdio: [...stdio, code, node, await opened(configFile)],
    });
  });
}

/** Asked of the kernel: for Node, the code, and what that imports. */
async function canUse(runAs: Pick<RunAs, 'uid' | 'gid'>, [code, node]: [code: number, node: number]): Promise<boolean> {
  const files = ['dist/daemon/main.js', 'node_modules/express/package.json'].map((file) => `${CODE}/${file}`);
  const child = await startChild(['sh', '-c', `test -x ${NODE} && test -r "$1" && test -r "$2"`, 'sh', ...files], {
    runAs,
    stdio: ['ignore', 'ignore', 'ignore', code, node],
  });
  return (await child.exited).code === 0;
}
