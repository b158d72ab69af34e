import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** At most some kilobytes of it. */
  readonly body: string;
}

/** Milliseconds for all of it. */
const PATIENCE = 10_000;
const MOST = 8_192;

/** Where clouds tell a machine its credentials: never what an alert is for, whatever name leads there. */
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16, 'ipv4');
METADATA.addSubnet('fe80::', 10, 'ipv6');
METADATA.addAddress('fd00:ec2::254', 'ipv6');

/**
 * One request to an address that the owner of the machine wrote into the settings. Follows no redirect, so what is sent
 * goes there alone. Its errors name no address: webhooks carry their secret in it.
 *
 * @throws Error for an address that is refused, and when nobody answers
 */
export async function send(
  url: string,
  { method, headers = {}, body }: { method: 'GET' | 'POST'; headers?: Record<string, string>; body?: string },
): Promise<Reply> {
  const target = new URL(url);
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(target.hostname);
  if (target.protocol !== 'https:' && !(target.protocol === 'http:' && loopback)) {
    throw new Error('only https is spoken to other machines');
  }
  const bare = target.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isMetadata(bare)) throw new Error('the address is one of the cloud that runs the machine');
  const options: RequestOptions = {
    method,
    lookup: guardedLookup,
    agent: false,
    signal: AbortSignal.timeout(PATIENCE),
    headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
  };
  return new Promise((resolve, reject) => {
    const request = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MOST) response.destroy();
      });
      response.on('close', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text.slice(0, MOST) }),
      );
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const late = error.name === 'TimeoutError' || error.name === 'AbortError';
      reject(new Error(late ? `no answer within ${PATIENCE} ms` : (error.code ?? 'the connection failed')));
    });
    request.end(body);
  });
}

/** Asked with the addresses that are really connected to, so that a name cannot say one thing now and another then. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error || first === undefined) return callback(error ?? new Error('no address'), '', 0);
    if (addresses.some(({ address }) => isMetadata(address))) {
      return callback(Object.assign(new Error('refused'), { code: 'EADDRREFUSED' }), '', 0);
    }
    if (options.all) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function isMetadata(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return METADATA.check(mapped, 'ipv4');
  return METADATA.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
