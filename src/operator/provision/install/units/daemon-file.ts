import { INSTALLED, installationPaths } from '../../../../foundation/config/directory.ts';
import { SOCKET_DIRECTORY } from '../../../../foundation/config/machine-paths.ts';
import { formatRuntimeFile, type RuntimeConfig } from '../../../../foundation/config/runtime-file.ts';
import { loadSettings } from '../../../../foundation/config/settings.ts';
import { archiveConfig, hasRecoveryKey } from '../postgres/archive.ts';
import { fileStep } from '../kinds/file.ts';
import type { InstallSettings, Step } from '../step.ts';

export const ADMIN_SOCKET = '/run/vectabase/admin.sock';
const INSTALLATION = installationPaths(INSTALLED.configuration);

/** What the daemon is started with. No password: the kernel tells Postgres who connects by its socket. */
export function daemonFileStep(settings: InstallSettings): Step {
  return fileStep({
    id: 'units.daemon-file',
    title: 'what the daemon is started with',
    files: async () => [
      {
        path: INSTALLATION.daemonConfig,
        content: formatRuntimeFile(runtimeConfig(settings)),
        mode: 0o640,
        owner: 'root:vectabase',
        secret: true, // settings may hold the password of a mail server
      },
    ],
  });
}

/** Caddy on this machine tells who the client is. */
const OUR_EDGE = ['127.0.0.1', '::1'];

function runtimeConfig({ apiPort, postgresPort, edge }: InstallSettings): RuntimeConfig {
  const { settings } = loadSettings({ dir: INSTALLED.configuration });
  const { api, log, rest, jwt, limits, auth, mail, secrets, backup } = settings;
  return {
    api: { ...api, port: apiPort, trustedProxies: [...(edge === 'none' ? [] : OUR_EDGE), ...api.trustedProxies] },
    database: { host: SOCKET_DIRECTORY, port: postgresPort, user: 'authenticator', database: 'postgres' },
    log,
    rest,
    jwt,
    limits,
    auth,
    mail,
    authLogin: { user: 'supabase_auth_admin' },
    keysFile: 'credential:vectabase-daemon-keys',
    masterKeyFile: 'credential:vectabase-master-key',
    masterKeyCheckFile: 'credential:vectabase-master-key-check',
    secrets: { directory: INSTALLATION.secrets.directory, environment: secrets.environment },
    admin: { socket: ADMIN_SOCKET },
    backup,
    jobs: {
      backupLogin: { user: 'vectabase_backup' },
      scratch: `${INSTALLED.data}/scratch`,
      disks: [INSTALLED.data],
    },
    ...(hasRecoveryKey() && { archive: archiveConfig(backup) }),
  };
}
