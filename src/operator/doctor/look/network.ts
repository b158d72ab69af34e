import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { run } from '../../../foundation/process/run.ts';
import type { ApiFacts, MailFacts, NetworkFacts } from '../facts.ts';
import type { Place } from '../place.ts';
import { answers } from './tcp.ts';

/** Sockets of our ports; who else listens on this machine is its owner's business. */
export async function lookAtNetwork({ kind, settings, run: running }: Place): Promise<NetworkFacts> {
  const [four, six, table] = await Promise.all([
    readFile('/proc/net/tcp', 'utf8'),
    readFile('/proc/net/tcp6', 'utf8').catch(() => ''),
    kind === 'machine' && settings.install.hardenHost ? run(['nft', 'list', 'table', 'inet', 'vectabase']) : undefined,
  ]);
  const ours = new Map<number, readonly [what: string, meant: readonly string[]]>(
    kind === 'machine'
      ? [
          [settings.install.postgresPort, ['Postgres', settings.install.listen]],
          [settings.install.poolerPort, ['PgBouncer', settings.install.listen]],
          [settings.api.port, ['the API', [settings.api.host]]],
        ]
      : [
          [running?.pgPort ?? 0, ['Postgres', []]],
          [Number(new URL(running?.apiUrl ?? 'http://x:0').port), ['the API', [settings.api.host]]],
        ],
  );
  return {
    listeners: [...parseListeners(four), ...parseListeners(six)].flatMap(({ address, port }) => {
      const known = ours.get(port);
      if (known === undefined) return [];
      const [what, meant] = known;
      return [{ address, port, what, meant: isLoopback(address) || meant.includes(address) || meant.includes('*') }];
    }),
    firewall: table === undefined ? null : table.exitCode === 0,
  };
}

/** Lines of /proc/net/tcp in state 0A, listening: `0100007F:1538`, words of the address in the order of this machine. */
export function parseListeners(text: string): Array<{ address: string; port: number }> {
  return text.split('\n').flatMap((line) => {
    const [, hex = '', port = ''] = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /.exec(line) ?? [];
    return hex === '' ? [] : [{ address: addressOf(hex), port: Number.parseInt(port, 16) }];
  });
}

function addressOf(hex: string): string {
  const words = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') words.swap32();
  if (words.length === 4) return words.join('.');
  if (words.every((byte) => byte === 0)) return '::';
  const isMapped = words.subarray(0, 12).equals(MAPPED);
  if (isMapped) return `::ffff:${words.subarray(12).join('.')}`;
  return words.equals(LOOPBACK_6) ? '::1' : words.toString('hex').replaceAll(/(.{4})(?!$)/g, '$1:');
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');
const LOOPBACK_6 = Buffer.from('00000000000000000000000000000001', 'hex');

function isLoopback(address: string): boolean {
  return /^(127\.|::1$|::ffff:127\.)/.test(address);
}

export async function lookAtApi({ apiUrl, settings }: Place, signal: AbortSignal): Promise<ApiFacts> {
  const { publicUrl } = settings.api;
  const [own, outer] = await Promise.all([
    ask(`${apiUrl}/readyz`, signal),
    publicUrl === undefined ? undefined : ask(`${publicUrl.replace(/\/$/, '')}/healthz`, signal),
  ]);
  return {
    url: apiUrl,
    ...own,
    publicUrl:
      publicUrl === undefined || outer === undefined
        ? null
        : { url: publicUrl, status: outer.status, reason: outer.reason, secure: publicUrl.startsWith('https:') },
  };
}

async function ask(url: string, signal: AbortSignal): Promise<Pick<ApiFacts, 'status' | 'ms' | 'reason'>> {
  const began = performance.now();
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) });
    await response.body?.cancel();
    return { status: response.status, ms: performance.now() - began, reason: '' };
  } catch (error) {
    return { status: null, ms: performance.now() - began, reason: reasonOf(error) };
  }
}

/** fetch says "fetch failed", and why in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  if (cause?.code !== undefined) return cause.code;
  return error instanceof Error ? error.message : String(error);
}

export async function lookAtMail({ settings }: Place): Promise<MailFacts> {
  const { smtpHost, smtpPort } = settings.mail;
  if (smtpHost === undefined) return { server: null, answers: false, reason: '' };
  const reason = await answers(smtpHost, smtpPort, 5_000);
  return { server: `${smtpHost}:${smtpPort}`, answers: reason === undefined, reason: reason ?? '' };
}
