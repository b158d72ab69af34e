import { readFile } from 'node:fs/promises';

/** Whether the kernel's AES runs in the processor. */
export async function readAes(): Promise<'hardware' | 'software' | 'unknown'> {
  return parseAes(await readFile('/proc/crypto', 'utf8').catch(() => ''));
}

/**
 * @param text of /proc/crypto. Drivers are named for how they work: `xts-aes-aesni`, `xts-aes-ce`, `aes-generic`. The one
 *   of the highest priority is used.
 */
export function parseAes(text: string): 'hardware' | 'software' | 'unknown' {
  const ciphers = text.split('\n\n').map((block) => ({
    name: field(block, 'name'),
    driver: field(block, 'driver'),
    priority: Number(field(block, 'priority')),
  }));
  // XTS appears once something uses it; until then AES itself tells.
  const wanted = ['xts(aes)', 'aes'].map((name) => ciphers.filter((each) => each.name === name));
  const [best] = (wanted.find((found) => found.length > 0) ?? []).toSorted((a, b) => b.priority - a.priority);
  if (best === undefined) return 'unknown';
  return /generic|fixed-time/.test(best.driver) ? 'software' : 'hardware';
}

function field(block: string, name: string): string {
  return new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(block)?.[1] ?? '';
}
