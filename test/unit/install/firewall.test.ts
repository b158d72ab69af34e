import { describe, expect, it } from 'vitest';
import { foreignFirewall } from '../../../src/operator/provision/install/host/foreign-firewall.ts';
import { rulesetOf } from '../../../src/operator/provision/install/host/ruleset.ts';
import { isLoopback, parseSockets } from '../../../src/operator/provision/install/host/sockets.ts';
import { sshPorts } from '../../../src/operator/provision/install/host/ssh.ts';

describe('the ports of ssh', () => {
  const answers = (given: Readonly<Record<string, string>>): Parameters<typeof sshPorts>[0] => ({
    ask: async (argv) => ({ exitCode: 0, stderr: '', stdout: given[argv.slice(0, 2).join(' ')] ?? '' }),
  });
  it.each<[what: string, given: Readonly<Record<string, string>>, ports: number[]]>([
    ['of a server on two', { 'ss -Htlnp': line('0.0.0.0:22', 'sshd') + line('[::]:2222', 'sshd') }, [22, 2222]],
    ['not of other programs', { 'ss -Htlnp': line('0.0.0.0:80', 'caddy') + line('*:2200', 'sshd') }, [2200]],
    [
      'of the session that is open, though nobody listens there any more',
      { 'ss -Htnp': '0 0 10.0.0.5:2022 10.0.0.9:50022 users:(("sshd-session",pid=9,fd=4))\n' },
      [2022],
    ],
    ['of the configuration', { 'sshd -T': 'port 22\nport 8022\naddressfamily any\n' }, [22, 8022]],
    [
      'of a socket of systemd',
      { 'systemctl show': 'ActiveState=active\nListen=0.0.0.0:23 (Stream)\nListen=[::]:23 (Stream)\n' },
      [23],
    ],
    ['not of a socket that is off', { 'systemctl show': 'ActiveState=inactive\nListen=[::]:23 (Stream)\n' }, [22]],
    ['the usual one where nothing tells', {}, [22]],
  ])('%s', async (_, given, ports) => {
    expect(await sshPorts(answers(given))).toEqual(ports);
  });

  function line(local: string, program: string): string {
    return `LISTEN 0 128 ${local} 0.0.0.0:* users:(("${program}",pid=1,fd=3))\n`;
  }
});

describe('sockets', () => {
  it('are read with their address, port and programs', () => {
    const text = [
      'LISTEN 0 511 127.0.0.1:54321 0.0.0.0:* users:(("node",pid=7,fd=18),("systemd",pid=1,fd=40))',
      'LISTEN 0 128 [fe80::1]%eth0:8080 [::]:*',
      'LISTEN 0 128 *:9090 *:* users:(("prometheus",pid=4,fd=1))',
      '',
    ].join('\n');
    expect(parseSockets(text)).toEqual([
      { address: '127.0.0.1', port: 54321, programs: ['node', 'systemd'] },
      { address: 'fe80::1', port: 8080, programs: [] },
      { address: '*', port: 9090, programs: ['prometheus'] },
    ]);
  });
  it.each([
    ['127.0.0.53', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['*', false],
    ['::', false],
    ['10.0.0.1', false],
  ])('%s on loopback: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});

describe('another firewall', () => {
  const chain = (policy: string, table = 'filter', hook = 'input'): object => {
    return { chain: { family: 'inet', table, name: 'input', hook, policy } };
  };
  const rule = (...expr: object[]): object => ({ rule: { family: 'inet', table: 'filter', chain: 'input', expr } });
  const match = { match: { op: '==', left: {}, right: 1 } };
  it.each<[what: string, nft: object[], ufw: string, firewalld: string, expected: string | undefined]>([
    ['nothing', [], '', 'inactive\n', undefined],
    ['ufw', [], 'Status: active\n', '', 'ufw'],
    ['ufw that is off', [], 'Status: inactive\n', '', undefined],
    ['firewalld', [], '', 'active\n', 'firewalld'],
    ["Debian's empty table", [chain('accept')], '', '', undefined],
    ['a table that drops the rest', [chain('drop')], '', '', 'the nftables table inet filter'],
    [
      'a last rule that drops',
      [chain('accept'), rule({ counter: {} }, { drop: null })],
      '',
      '',
      'the nftables table inet filter',
    ],
    [
      'rules that drop some',
      [chain('accept'), rule(match, { drop: null }), rule(match, { reject: {} })],
      '',
      '',
      undefined,
    ],
    ['our own table', [chain('drop', 'vectabase')], '', '', undefined],
    ["Docker's forwarding", [chain('drop', 'filter', 'forward')], '', '', undefined],
  ])('%s', (_, nft, ufw, firewalld, expected) => {
    expect(foreignFirewall(JSON.stringify({ nftables: nft }), ufw, firewalld)).toBe(expected);
  });
  it('is not looked for where there is no nft', () => {
    expect(foreignFirewall('', '', '')).toBeUndefined();
  });
});

describe('the ruleset', () => {
  it('opens ssh and what is public, the database only at its addresses, and drops the rest', () => {
    const rules = rulesetOf({
      sshPorts: [2222, 22],
      publicPorts: [80, 443],
      database: { addresses: ['10.0.0.1', 'fd00::1'], ports: [5432, 6432] },
    });
    expect(rules).toContain('policy drop;');
    expect(rules).toContain('tcp dport { 22, 80, 443, 2222 } accept');
    expect(rules).toContain('udp dport 443 accept');
    expect(rules).toContain('ip daddr 10.0.0.1 tcp dport { 5432, 6432 } accept');
    expect(rules).toContain('ip6 daddr fd00::1 tcp dport { 5432, 6432 } accept');
  });
  it('opens nothing but ssh where nothing is public', () => {
    const rules = rulesetOf({ sshPorts: [22], publicPorts: [], database: { addresses: [], ports: [5432, 6432] } });
    expect(rules).toContain('tcp dport { 22 } accept');
    expect(rules).not.toMatch(/5432|443/);
  });
});
