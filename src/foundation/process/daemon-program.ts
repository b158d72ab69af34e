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
const CONFIG = 'fd:4';

/**
 * Starts `bin/daemon.js` with a runtime file, as another user when told.
 *
 * That user may be unable to enter what lies above the clone (`/root`) or to read the file. Starting as root and giving
 * root up when all is loaded would do, but not with Debian's Node: built against a shared libuv, its `process.setuid`
 * always throws (CVE-2024-22017). So the child starts as that user and is handed the open directory and the open file:
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
    const code = scope.add(await open(assetPath()), async (handle) => handle.close());
    if (!(await canRead(runAs, code.fd))) return plain();
    const config = scope.add(await open(configFile), async (handle) => handle.close());
    const node = [process.execPath, '--preserve-symlinks', '--preserve-symlinks-main'] as const;
    return startChild([...node, [CODE, ...SCRIPT].join('/'), '--config', CONFIG], {
      ...rest,
      runAs,
      stdio: [...stdio, code.fd, config.fd],
    });
  });
}

/** Asked of the kernel, for the code and for what it imports. */
async function canRead(runAs: Pick<RunAs, 'uid' | 'gid'>, code: number): Promise<boolean> {
  const files = ['dist/daemon/main.js', 'node_modules/express/package.json'].map((file) => `${CODE}/${file}`);
  const child = await startChild(['sh', '-c', 'for file; do test -r "$file" || exit 1; done', 'sh', ...files], {
    runAs,
    stdio: ['ignore', 'ignore', 'ignore', code],
  });
  return (await child.exited).code === 0;
}
