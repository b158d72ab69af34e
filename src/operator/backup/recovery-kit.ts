import type { StoreSetting } from '../../foundation/config/definitions.ts';
import type { KeyList } from './keys.ts';

interface KitInput {
  readonly keys: KeyList;
  /** Of the clusters that are backed up. */
  readonly systems: readonly string[];
  readonly directory: string;
  readonly stores: readonly StoreSetting[];
  readonly now: number;
}

/** One page to print: all that a new machine needs, but for the private half, which is written on by hand or kept as a file. */
export function recoveryKit({ keys, systems, directory, stores, now }: KitInput): string {
  const places = stores.map(({ url, endpoint, region, hostKey }) =>
    [url, endpoint && `endpoint ${endpoint}`, region && `region ${region}`, hostKey && `host key ${hostKey}`]
      .filter(Boolean)
      .join(', '),
  );
  const first = stores[0]?.url ?? 'DIR';
  return `${[
    `VECTABASE RECOVERY KIT                                    ${new Date(now).toISOString().slice(0, 10)}`,
    '',
    'Without the recovery key no backup opens, and nobody can make another one. Keep this page and the',
    'key in two places away from the machine. Print it anew when keys or stores change.',
    '',
    'Recovery key (public half; the private one begins with AGE-SECRET-KEY-1, write it here or say where it is):',
    ...keys.recovery.map(({ recipient }) => `  ${recipient}`),
    '  ____________________________________________________________________________',
    'Catalogue keys (who made these backups; the last one signs now):',
    ...keys.catalogue.map((key) => `  ${key}`),
    'Clusters:',
    ...systems.map((id) => `  ${id}`),
    'Backups are in:',
    ...[`${directory} (this machine)`, ...places].map((place) => `  ${place}`),
    '',
    'ON A NEW MACHINE, with Debian 13 or any with Postgres of the same major version:',
    '  1. Install Vectabase, copy the key to key.txt (chmod 600).',
    `  2. vectabase backup list --from ${first} --catalogue-key ${keys.catalogue.at(-1) ?? 'KEY'}`,
    '     What it shows as unsigned is not proved to be yours. If the newest are missing, ask the other stores.',
    `  3. vectabase backup restore --latest --key key.txt --from ${first} --into /srv/restored`,
    '     or --pitr "2026-11-22 14:03:00+00" for a certain second.',
    '  4. One file alone: vectabase backup decrypt FILE.vbk --key key.txt --out FILE',
    '',
    'Every month: vectabase backup keys prove --key key.txt',
    'Is it in order: vectabase backup status',
  ].join('\n')}\n`;
}
