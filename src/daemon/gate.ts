import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { apiKeyOfQuery, type Admission } from '../foundation/crypto/gateway.ts';
import { makeRateLimiter, type Bucket, type RateLimiter } from '../foundation/postgres/rate-limiter.ts';
import { clientAddressBy, networkOf } from './client-address.ts';
import { databaseAddress } from './database-address.ts';
import type { KeyRing } from './key-ring.ts';

export interface Entry {
  readonly admission: Admission;
  /** Seconds until a request is welcome again; undefined when it is now. */
  readonly retryAfterSeconds: number | undefined;
}

/** What every service asks first: who knocks, and how often they did. */
export interface Gate {
  /** @param query of the URL, without the question mark */
  readonly admit: (request: IncomingMessage, query: string) => Promise<Entry>;
  readonly clientAddress: (request: IncomingMessage) => string;
  /** For limits of a service's own. */
  readonly limiter: RateLimiter;
  readonly stop: () => Promise<void>;
}

export function openGate(config: RuntimeConfig, keys: KeyRing, log: Logger): Gate {
  const limits = completed('limits', config.limits);
  const byKey = bucketOf('api.key', limits.requestsPerKey);
  const byAddress = bucketOf('api.address', limits.requestsPerAddress);
  const clientAddress = clientAddressBy(config.api.trustedProxies ?? []);
  const limiter = makeRateLimiter(databaseAddress(config), ({ counts, reason, final }) => {
    if (counts === 'database') log.info('rate limits count for all processes together again');
    else log.warn({ reason, final }, 'rate limits count for each process alone');
  });
  return {
    clientAddress,
    limiter,
    admit: async (request, query) => {
      const { authorization } = request.headers;
      const header = request.headers['apikey'];
      const apikey = typeof header === 'string' ? header : apiKeyOfQuery(query);
      const admission = await keys.current().gateway({ apikey, authorization, now: Date.now() });
      const keyId = admission.as === 'refused' ? undefined : admission.keyId;
      const bucket = keyId === undefined ? byAddress : byKey;
      if (!bucket) return { admission, retryAfterSeconds: undefined };
      const verdict = await limiter.take(bucket, keyId ?? networkOf(clientAddress(request)));
      return { admission, retryAfterSeconds: verdict.ok ? undefined : verdict.retryAfterSeconds };
    },
    stop: () => limiter.stop(),
  };
}

/** A minute's worth at once, and as much again each minute. */
function bucketOf(name: string, perMinute: number): Bucket | undefined {
  return perMinute === 0 ? undefined : { name, capacity: perMinute, perSecond: perMinute / 60 };
}
