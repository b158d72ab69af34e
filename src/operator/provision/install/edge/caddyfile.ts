import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { InstallSettings } from '../step.ts';

export const CONFIGURATION = '/etc/caddy/vectabase';
/** Copies of the owner's certificate and key, in memory, for the user of the edge. */
export const RUNTIME = '/run/vectabase-edge';
export const HANDED = { certificate: `${RUNTIME}/certificate.pem`, key: `${RUNTIME}/key.pem` } as const;

/** Seconds that a browser refuses plain HTTP from then on: a year. */
const HSTS = 31_536_000;
/** Uploads to storage go through here; the daemon has its own, smaller limits by route. */
const MAX_BODY = '5GB';

export interface Caddyfiles {
  /** Of our own Caddy. */
  readonly main: string;
  /** The site alone: what an owner who has a Caddy already may import into it. */
  readonly site: string;
}

/** @throws VectabaseError USAGE when there is no public URL that TLS could be ended for */
export function caddyfiles(settings: InstallSettings): Caddyfiles {
  const { acmeEmail, apiPort } = settings;
  const main = [
    '# Written by `vectabase install`.',
    '{',
    // Its API can replace this whole configuration: a socket in a directory of its own user, no port.
    `\tadmin unix/${RUNTIME}/admin.sock`,
    '\tskip_install_trust',
    ...(acmeEmail === undefined ? [] : [`\temail ${acmeEmail}`]),
    '}',
    '',
    `import ${CONFIGURATION}/site.caddy`,
    '',
  ];
  const site = [
    '# Written by `vectabase install`.',
    `${publicHost(settings)} {`,
    ...tlsLines(settings).map((line) => `\t${line}`),
    `\theader Strict-Transport-Security max-age=${HSTS}`,
    '\trequest_body {',
    `\t\tmax_size ${MAX_BODY}`,
    '\t}',
    `\treverse_proxy 127.0.0.1:${apiPort} {`,
    '\t\t# What a client says about itself does not count: these are set anew from the connection.',
    '\t\theader_up X-Forwarded-For {remote_host}',
    '\t\theader_up -Forwarded',
    '\t\t# A daemon that is being replaced takes its connections a moment later.',
    '\t\tlb_try_duration 5s',
    '\t}',
    '}',
    '',
  ];
  return { main: main.join('\n'), site: site.join('\n') };
}

function tlsLines({ edge, certificateAuthority }: InstallSettings): string[] {
  if (edge === 'own-certificate') return [`tls ${HANDED.certificate} ${HANDED.key}`];
  return certificateAuthority === 'internal' ? ['tls internal'] : [];
}

/** `api.shop.example`, with its port where it is another one than 443. */
function publicHost({ publicUrl }: InstallSettings): string {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  if (url?.protocol === 'https:' && url.pathname === '/') return url.host;
  throw new VectabaseError('USAGE', {
    message:
      publicUrl === undefined
        ? 'HTTPS is asked for, and no public URL'
        : `${publicUrl} is no https address without a path, which TLS could be ended for`,
    hint: 'Name it: vectabase install --public-url https://api.example.com --edge caddy',
  });
}
