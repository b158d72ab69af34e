import { existsSync, watch } from 'node:fs';
import type { Logger } from 'pino';
import { secretsPaths } from '../foundation/config/directory.ts';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { asVectabaseError } from '../foundation/core/errors.ts';
import { findIdentities } from '../foundation/crypto/identity-file.ts';
import { HANDED_SECRETS } from '../foundation/process/daemon-program.ts';
import type { Service } from '../operator/secrets/known-names.ts';
import { secretsForService, ServiceSecrets } from '../operator/secrets/services.ts';
import { SecretStore } from '../operator/secrets/store.ts';

export interface DaemonSecrets {
  /** What a service may see, as it is now. Read again by who starts under a new configuration. */
  secretsFor(service: Service): ServiceSecrets;
  /** Calls back when a value of any service is another one. */
  onChange(changed: () => void): void;
  stop(): void;
}

/** Services of this process that take secrets. */
const SERVICES = ['auth', 'functions'] as const satisfies readonly Service[];

/** Milliseconds: a rename is told as several events. */
const SETTLE = 100;

/**
 * Opens the secrets of the installation with the private key from systemd, a file or who started us, and watches the
 * file for changes. A change that cannot be read leaves the values before in force.
 *
 * @throws VectabaseError SECRETS_KEY_MISSING, SECRETS_KEY_WRONG, SECRETS_LOCKED, SECRETS_AUDIT_FAILED
 */
export async function openDaemonSecrets(config: RuntimeConfig, handed: boolean, log: Logger): Promise<DaemonSecrets> {
  const given = config.secrets;
  const held = new Map<Service, ServiceSecrets>();
  const secretsFor = (service: Service): ServiceSecrets => held.get(service) ?? new ServiceSecrets();
  if (given === undefined) return { secretsFor, onChange: () => undefined, stop: () => undefined };

  const { directory, identityFile } = handed ? { ...given, ...HANDED_SECRETS } : given;
  const paths = secretsPaths(directory);
  let store: SecretStore | undefined;
  const load = async (): Promise<boolean> => {
    if (store === undefined && !existsSync(fileOf(directory, given.environment))) return false;
    store ??= new SecretStore(paths, given.environment, await findIdentities({ paths, identityFile }), {
      now: Date.now,
    });
    let changed = false;
    for (const service of SERVICES) {
      const fresh = await secretsForService(store, service);
      changed ||= !fresh.equals(secretsFor(service));
      held.set(service, fresh);
    }
    return changed;
  };
  await load();

  let changed = (): void => undefined;
  let last = Promise.resolve();
  const reload = async (): Promise<void> => {
    try {
      if (!(await load())) return;
      log.info({ names: SERVICES.flatMap((service) => secretsFor(service).names) }, 'secrets read');
      changed();
    } catch (error) {
      const { code, message } = asVectabaseError(error);
      log.error({ code, reason: message }, 'the secrets cannot be read; those before stay in force');
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(directory, { persistent: false }, (_, name) => {
    if (name !== null && !name.endsWith('.env.age')) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      last = last.then(reload);
    }, SETTLE).unref();
  });
  watcher.on('error', (error) =>
    log.warn({ reason: error.message }, 'changes of the secrets are not noticed any more'),
  );
  return {
    secretsFor,
    onChange: (callback) => (changed = callback),
    stop: () => {
      clearTimeout(timer);
      watcher.close();
    },
  };
}

/**
 * The configuration with secrets in it where it names none: the password of the mail server (SMTP_PASSWORD), and for
 * each provider its client secret (DISCORD_CLIENT_SECRET).
 */
export function withSecrets(config: RuntimeConfig, secrets: ServiceSecrets): RuntimeConfig {
  const { auth, mail } = config;
  const external = Object.entries(auth?.external ?? {}).map(([name, each]) => {
    const named = each.secret !== undefined || each.secretFile !== undefined;
    const secret = named ? each.secret : secrets.get(clientSecretOf(name));
    return [name, secret === undefined ? each : { ...each, secret }] as const;
  });
  const smtpPassword = mail?.smtpPasswordFile === undefined ? secrets.get('SMTP_PASSWORD') : undefined;
  return {
    ...config,
    ...(auth && { auth: { ...auth, external: Object.fromEntries(external) } }),
    ...(mail && smtpPassword !== undefined && { mail: { smtpPassword, ...mail } }),
  };
}

/** `google` → GOOGLE_CLIENT_SECRET, `my-oidc` → MY_OIDC_CLIENT_SECRET. */
function clientSecretOf(provider: string): string {
  return `${provider.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}_CLIENT_SECRET`;
}

function fileOf(directory: string, environment: string): string {
  return `${directory}/${environment}.env.age`;
}
