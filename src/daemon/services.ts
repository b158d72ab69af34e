import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { ResourceScope } from '../foundation/core/release.ts';
import { makeApp } from './app.ts';
import { AUTH_PATH } from './auth-adapter.ts';
import { outboxOf } from './auth-mail.ts';
import { startAuth } from './auth-start.ts';
import { openGate } from './gate.ts';
import type { KeyRing } from './key-ring.ts';
import { inbox, INBOX_PATH } from './inbox.ts';
import { REST_PATH } from './rest-adapter.ts';
import { startRest } from './rest-start.ts';

/** What outlives a change of the configuration. */
export interface Surroundings {
  readonly log: Logger;
  readonly stopping: () => boolean;
  /** Why Postgres cannot be used now, or `undefined`. */
  readonly trouble: () => string | undefined;
  /** Where the port is open; known when it is. */
  readonly listenUrl: () => string;
}

export interface Services {
  readonly handler: RequestListener;
  /** Resolves when requests need not wait for the schema. */
  warm(): Promise<void>;
  stop(): Promise<void>;
}

/** All that answers requests, under one configuration. */
export function startServices(config: RuntimeConfig, keys: KeyRing, surroundings: Surroundings): Services {
  const { log, stopping, trouble, listenUrl } = surroundings;
  const scope = new ResourceScope();
  scope.add(keys.watch(log), (watch) => watch.stop());
  const gate = scope.add(openGate(config, keys, log), (open) => open.stop());
  const common = { log, cors: config.api.cors, gate, stopping };
  const apiUrl = (): string => config.api.publicUrl ?? listenUrl();
  const rest = scope.add(startRest(config, keys, common), (running) => running.stop());
  const auth = scope.add(startAuth(config, keys, { ...common, apiUrl }), (running) => running.stop());
  const outbox = outboxOf(config);
  const letters = outbox && config.mailInboxKey ? inbox(outbox, config.mailInboxKey) : undefined;
  const app = makeApp({ ...common, trouble });
  return {
    handler: (request, response) => {
      if (isBelow(REST_PATH, request.url)) rest.handler(request, response);
      else if (isBelow(AUTH_PATH, request.url)) auth.handler(request, response);
      else if (letters && isBelow(INBOX_PATH, request.url)) letters(request, response);
      else app(request, response);
    },
    warm: () => rest.warm(),
    stop: () => scope.release(),
  };
}

function isBelow(mount: string, url = ''): boolean {
  return url.startsWith(mount) && ['', '/', '?'].includes(url.charAt(mount.length));
}
