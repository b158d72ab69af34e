/** What `nft -j list ruleset` prints, as far as it is read here. */
interface Ruleset {
  readonly nftables: ReadonlyArray<{
    readonly chain?: {
      readonly family: string;
      readonly table: string;
      readonly name: string;
      readonly hook?: string;
      readonly policy?: string;
    };
    readonly rule?: {
      readonly family: string;
      readonly table: string;
      readonly chain: string;
      readonly expr: readonly object[];
    };
  }>;
}

/**
 * Who else decides what comes in: two firewalls that drop what they do not know make each other's openings useless, so
 * ours steps back. Lists of banned addresses (fail2ban) and Docker's forwarding are none.
 *
 * @param nft JSON of `nft -j list ruleset`, empty where there is no nft
 * @param ufw of `ufw status`
 * @param firewalld of `systemctl is-active firewalld`
 */
export function foreignFirewall(nft: string, ufw: string, firewalld: string): string | undefined {
  if (/^Status: active/m.test(ufw)) return 'ufw';
  if (firewalld.trim() === 'active') return 'firewalld';
  const { nftables } = nft.trim() === '' ? { nftables: [] } : (JSON.parse(nft) as Ruleset);
  const input = nftables.flatMap(({ chain }) => (chain?.hook === 'input' && !isOurs(chain) ? [chain] : []));
  const closing = input.find(
    (chain) =>
      chain.policy === 'drop' ||
      nftables.some(
        ({ rule }) =>
          rule?.family === chain.family && rule.table === chain.table && rule.chain === chain.name && refusesAll(rule),
      ),
  );
  return closing === undefined ? undefined : `the nftables table ${closing.family} ${closing.table}`;
}

/** A verdict without a condition before it; counters and logs are none. */
function refusesAll({ expr }: { readonly expr: readonly object[] }): boolean {
  const [last] = expr.slice(-1);
  const refuses = last !== undefined && ('drop' in last || 'reject' in last);
  return refuses && expr.slice(0, -1).every((each) => 'counter' in each || 'log' in each);
}

function isOurs({ family, table }: { readonly family: string; readonly table: string }): boolean {
  return family === 'inet' && table === 'vectabase';
}
