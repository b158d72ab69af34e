/** One line of `ss --no-header --numeric --processes`. */
export interface Socket {
  /** Without brackets and zone: `0.0.0.0`, `::`, `*`. */
  readonly address: string;
  readonly port: number;
  /** Names of the programs that hold it. */
  readonly programs: readonly string[];
}

/** @param text of `ss -Htlnp` or `ss -Htnp state established`, whose columns differ by the first */
export function parseSockets(text: string): Socket[] {
  return text.split('\n').flatMap((line) => {
    const local = line.split(/\s+/).find((field) => /:\d+$/.test(field));
    const [, address = '', port = ''] = /^\[?(.*?)\]?(?:%\w+)?:(\d+)$/.exec(local ?? '') ?? [];
    if (port === '') return [];
    const programs = [...line.matchAll(/\("([^"]+)",pid=/g)].flatMap(([, name]) => name ?? []);
    return [{ address: address.replace(/[\]%].*$/, ''), port: Number(port), programs }];
  });
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}
