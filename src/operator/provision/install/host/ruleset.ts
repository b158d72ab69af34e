export interface Openings {
  readonly sshPorts: readonly number[];
  /** Whom everybody may reach: 80 and 443 where there is an edge, and what the owner opened. */
  readonly publicPorts: readonly number[];
  /** Postgres and PgBouncer, at these addresses of the machine only. */
  readonly database: { readonly addresses: readonly string[]; readonly ports: readonly number[] };
}

export const TABLE = 'vectabase';

/** The whole table, for `nft -f`: loaded in one transaction, it replaces the one before without a gap. */
export function rulesetOf({ sshPorts, publicPorts, database }: Openings): string {
  const open = [...new Set([...sshPorts, ...publicPorts])].toSorted((a, b) => a - b);
  return [
    '# Written by `vectabase install`: this table alone, other tables are untouched. A packet has to pass all of them.',
    `table inet ${TABLE}`,
    `delete table inet ${TABLE}`,
    `table inet ${TABLE} {`,
    '\tchain input {',
    '\t\ttype filter hook input priority filter; policy drop;',
    '\t\tct state established,related accept',
    '\t\tct state invalid drop',
    '\t\tiif "lo" accept',
    '\t\tmeta l4proto { icmp, ipv6-icmp } accept',
    // Leases are renewed by broadcast, which no earlier packet asked for.
    '\t\tudp sport 67 udp dport 68 accept',
    '\t\tip6 saddr fe80::/10 udp dport 546 accept',
    `\t\ttcp dport ${setOf(open)} accept`,
    ...(publicPorts.includes(443) ? ['\t\tudp dport 443 accept'] : []),
    ...database.addresses.map((address) => {
      const family = address.includes(':') ? 'ip6' : 'ip';
      return `\t\t${family} daddr ${address} tcp dport ${setOf(database.ports)} accept`;
    }),
    '\t}',
    '}',
    '',
  ].join('\n');
}

function setOf(ports: readonly number[]): string {
  return `{ ${ports.join(', ')} }`;
}
