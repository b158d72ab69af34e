import { isIP } from 'node:net';

export interface RedirectOptions {
  /** Where the site lives: every address of its origin is allowed, and it is where a refused one is replaced by. */
  readonly siteUrl: string;
  /** Further addresses, as Supabase's dashboard takes them: `https://*.shop.example/**`, `com.shop.app://**`. */
  readonly allowed: readonly string[];
}

export interface Redirects {
  readonly siteUrl: string;
  /**
   * The first candidate that is allowed, without its fragment; the site when none is. Refusing says nothing, as in
   * Supabase: the user arrives at the site, and the attacker's page gets nobody.
   */
  choose(...candidates: ReadonlyArray<string | undefined>): string;
}

/**
 * What a browser may be sent back to. An address is compared in the form that a browser would go to, part by part, so
 * that `https://evil.example?.shop.example/` or a decimal IP never passes for a host of the list.
 */
export function makeRedirects({ siteUrl, allowed }: RedirectOptions): Redirects {
  const site = new URL(siteUrl);
  const patterns = allowed.map(parsePattern);
  const accept = (candidate: string | undefined): string | undefined => {
    const url = candidate === undefined ? undefined : parseAddress(candidate);
    if (candidate === undefined || url === undefined) return undefined;
    const same = url.protocol === site.protocol && url.host === site.host;
    if (!same && !patterns.some((matches) => matches(url))) return undefined;
    url.hash = '';
    // An address without a path is given back as it was written: clients compare it.
    return url.href === `${candidate}/` ? candidate : url.href.replace(/#$/, '');
  };
  return { siteUrl, choose: (...candidates) => candidates.map(accept).find((each) => each !== undefined) ?? siteUrl };
}

const SCRIPTS = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'file:',
  'blob:',
  'filesystem:',
  'about:',
  'view-source:',
]);

function parseAddress(text: string): URL | undefined {
  // The parser forgives all of these, and each has made two programs disagree about the host.
  if (/[\s\p{Cc}\\]/u.test(text) || !/^[a-z][a-z0-9+.-]*:/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (SCRIPTS.has(url.protocol) || url.username !== '' || url.password !== '') return undefined;
  if (isWeb(url) && !/^https?:\/\/[^/]/i.test(text)) return undefined;
  return url;
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

type Pattern = (url: URL) => boolean;

function parsePattern(text: string): Pattern {
  const parts = /^([^:/]+):\/\/([^/?#]*)([^#]*)/.exec(text);
  if (!parts) {
    const whole = globToRegExp(text);
    return (url) => whole.test(url.href.replace(/#.*$/s, ''));
  }
  const [, scheme = '', authority = '', path = ''] = parts;
  // `https://shop.example*` means what follows the host; taken at its word it would be `https://shop.example.evil.example`.
  const host = authority.replace(/(?<=[\w\]])\*+$/, '');
  const rest = (authority.endsWith('**') ? '**' : '') + path;
  const [schemeGlob, hostGlob] = [globToRegExp(scheme), globToRegExp(withoutDefaultPort(scheme, host.toLowerCase()))];
  const restGlob = globToRegExp(rest === '' ? '/' : rest);
  return (url) => {
    if (!schemeGlob.test(url.protocol.slice(0, -1))) return false;
    // Of an app's own scheme we cannot know what is a host: `app://**` is about all that follows.
    if (!isWeb(url))
      return globToRegExp(host + rest).test(url.href.slice(url.protocol.length + 2).replace(/#.*$/s, ''));
    if (isAddressOfMachine(url.hostname) && hasWildcard(host)) return false;
    return hostGlob.test(url.host) && restGlob.test(url.pathname + url.search);
  };
}

function withoutDefaultPort(scheme: string, host: string): string {
  const port = { http: ':80', https: ':443' }[scheme];
  return port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host;
}

function isAddressOfMachine(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function hasWildcard(glob: string): boolean {
  return /[*?{]/.test(glob);
}

/** `*` any characters but `.` and `/`; `**` any; `?` one that is neither; `[a-c]`, `[!a-c]`; `{a,b}`; `\` before any of them. */
export function globToRegExp(glob: string): RegExp {
  let source = '';
  let depth = 0;
  for (let at = 0; at < glob.length; at++) {
    const character = glob.charAt(at);
    if (character === '*') {
      const many = /^\*+/.exec(glob.slice(at))?.[0] ?? '*';
      source += many.length > 1 ? '.*' : '[^./]*';
      at += many.length - 1;
    } else if (character === '?') source += '[^./]';
    else if (character === '{') [source, depth] = [`${source}(?:`, depth + 1];
    else if (character === '}' && depth > 0) [source, depth] = [`${source})`, depth - 1];
    else if (character === ',' && depth > 0) source += '|';
    else if (character === '[') {
      const set = /^\[(!?)([^\]\\]+)\]/.exec(glob.slice(at));
      source += set ? `(?![./])[${set[1] === '!' ? '^' : ''}${quoteSet(set[2] ?? '')}]` : '\\[';
      at += (set?.[0].length ?? 1) - 1;
    } else {
      const literal = character === '\\' && at + 1 < glob.length ? glob.charAt(++at) : character;
      source += literal.replaceAll(/[$()*+./?[\\\]^{|}-]/g, '\\$&');
    }
  }
  return new RegExp(`^${source}${')'.repeat(depth)}$`, 's');
}

function quoteSet(set: string): string {
  return set.replaceAll(/[[^\\]/g, '\\$&');
}
