import type { JobContext } from '../../foundation/core/observe.ts';
import type { UpObservation } from './observations.ts';
import type { OpaqueKind } from '../../foundation/crypto/api-keys.ts';
import type { InstallationKeys } from '../../foundation/postgres/installation.ts';
import { startInstallation, type StartInput } from './start.ts';

/** The line that scripts wait for. Public: fields are added, never renamed. */
export interface ReadyEvent {
  readonly event: 'ready';
  readonly apiUrl: string;
  /** Role `postgres`, with its password. */
  readonly databaseUrl: string;
  readonly anonKey: string;
  readonly serviceRoleKey: string;
  /** Absolute. */
  readonly dir: string;
  /** `17.10` */
  readonly postgresVersion: string;
  /** The process to signal. */
  readonly pid: number;
  /** The newest opaque keys; null when there is none. */
  readonly publishableKey: string | null;
  readonly secretKey: string | null;
  /** Where letters can be read while there is no mail server. */
  readonly inboxUrl: string | null;
  /** Whether WAL is kept, so that any second can be returned to. */
  readonly archivesWal: boolean;
}

export interface UpInput extends StartInput {
  readonly onReady: (ready: ReadyEvent) => void;
}

export interface UpResult {
  readonly dir: string;
  /** Milliseconds between ready and the signal to stop. */
  readonly upMs: number;
}

/**
 * Runs an installation in the foreground until the signal aborts, then stops all that it started.
 *
 * Aborted before it was ready, it throws the signal's reason; afterwards a stop is the wanted end and resolves.
 *
 * @throws VectabaseError as `startInstallation`, and SERVER_DIED
 */
export async function runUp(input: UpInput, ctx: JobContext<UpObservation>): Promise<UpResult> {
  const started = await startInstallation(input, ctx);
  try {
    const readyAt = ctx.clock.now();
    input.onReady({
      event: 'ready',
      apiUrl: started.apiUrl,
      databaseUrl: started.databaseUrl,
      anonKey: started.keys.anonKey,
      serviceRoleKey: started.keys.serviceRoleKey,
      dir: started.paths.directory,
      postgresVersion: started.postgresVersion,
      pid: process.pid,
      publishableKey: newestKey(started.keys, 'publishable'),
      secretKey: newestKey(started.keys, 'secret'),
      inboxUrl: started.inboxUrl,
      archivesWal: started.archivesWal,
    });
    await Promise.race([aborted(ctx.signal), started.failed]);
    return { dir: started.paths.directory, upMs: ctx.clock.now() - readyAt };
  } finally {
    await started.stop();
  }
}

function newestKey({ opaqueKeys }: InstallationKeys, kind: OpaqueKind): string | null {
  return opaqueKeys.find((each) => each.kind === kind && each.notAfter === undefined)?.key ?? null;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
