import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrixieTree, type RunResult } from '../support/trixie-tree.ts';

const HOST = 'api.shop.test';
const SITE = `https://${HOST}`;
/** The machine as others see it, and one of them. */
const [INSIDE, OUTSIDE] = ['10.99.0.1', '10.99.0.2'];
/** What Caddy asks when nothing else is said. */
const AUTHORITY = 'acme-v02.api.letsencrypt.org';
const AUTHORITY_CADDYFILE = `{
	admin off
	skip_install_trust
}
https://${AUTHORITY} {
	tls internal
	rewrite /directory /acme/local/directory
	acme_server
}
`;
/** Signed by the same authority for the same key, three months ago, with an hour left. */
const NEARLY_OVER = `cd /root/authority/caddy/pki/authorities/local
  site=$(ls -d /var/lib/vectabase-edge/caddy/certificates/acme-*/${HOST})
  echo subjectAltName=DNS:${HOST} > /root/names
  openssl req -new -key $site/${HOST}.key -subj / | openssl x509 -req -CA intermediate.crt -CAkey intermediate.key -set_serial 0x0BAD \
    -not_before $(date -u -d '-90 days' +%Y%m%d%H%M%SZ) -not_after $(date -u -d '+1 hour' +%Y%m%d%H%M%SZ) \
    -extfile /root/names > /root/old.crt
  cat /root/old.crt intermediate.crt > $site/${HOST}.crt`;
const ROOT_CERTIFICATE = '/var/lib/vectabase-edge/caddy/pki/authorities/local/root.crt';

/** A machine with a neighbour on its network: what strangers reach of it, and how. */
describe('the edges of a machine on Debian 13', () => {
  let tree: TrixieTree;
  const left: ChildProcess[] = [];

  beforeAll(async () => {
    tree = await TrixieTree.boot({ kind: 'bare', changes: 'disk', network: 'private' });
    await sh(`printf '#!/bin/sh\\nexec node /vectabase/bin/run.js "$@"\\n' > /usr/local/bin/vectabase
      chmod 755 /usr/local/bin/vectabase; groupadd vectabase; echo ${INSIDE} ${HOST} >> /etc/hosts
      apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qqy openssh-server openssh-client curl
      ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
      echo 'Port 2222' > /etc/ssh/sshd_config.d/port.conf; systemctl restart ssh`);
    await network();
    start('node', '/vectabase/test/fixtures/echo-server.mjs', '54321');
    start('node', '-e', "require('http').createServer((_, r) => r.end('open')).listen(8080, '0.0.0.0')");
  });
  afterAll(async () => {
    for (const child of left) child.kill('SIGKILL');
    await tree.stop();
  });

  /** A second network namespace, joined by a cable. */
  async function network(): Promise<void> {
    await sh(`ip netns add outside; ip link add cable type veth peer name end netns outside
      ip address add ${INSIDE}/24 dev cable; ip link set cable up
      ip -n outside address add ${OUTSIDE}/24 dev end; ip -n outside link set end up; ip -n outside link set lo up`);
  }
  const sh = async (script: string, check = true): Promise<RunResult> => tree.run(['sh', '-ec', script], { check });
  const outside = async (script: string): Promise<RunResult> =>
    tree.run(['ip', 'netns', 'exec', 'outside', 'sh', '-c', script], { check: false });
  const start = (...argv: string[]): ChildProcess => {
    const child = tree.spawn(argv);
    for (const stream of [child.stdout, child.stderr]) stream?.resume();
    left.push(child);
    return child;
  };
  const SSH = `ssh -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 -o LogLevel=ERROR root@${INSIDE}`;
  const apply = async (room: string, settings: object, action = 'apply'): Promise<Applied> => {
    const argv = ['node', '/vectabase/test/support/apply-steps.js', room, JSON.stringify(settings), action];
    return JSON.parse((await tree.run(argv, { check: false })).stdout) as Applied;
  };
  const changed = async (room: string, settings: object): Promise<string[]> => {
    const { changed: steps, message } = await apply(room, settings);
    if (steps === undefined) throw new Error(message);
    return steps.map(({ id }) => id);
  };
  const firewall = async (command: string): Promise<string> =>
    (await tree.run(['vectabase', 'firewall', command, '--json'], { check: false })).stdout;
  const reaches = async (port: number): Promise<boolean> =>
    (await outside(`curl -s -o /dev/null --connect-timeout 2 http://${INSIDE}:${port}`)).code === 0;
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (const deadline = Date.now() + 30_000; !(await holds()); await sleep(200)) {
      if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    }
  };

  describe('its firewall', () => {
    const SETTINGS = {};
    const HOST_STEPS = ['host.packages', 'host.upgrades', 'host.journal', 'host.firewall-unit', 'host.firewall'];

    it('comes on trial while somebody is logged in, says what it closes, and cuts nobody off', async () => {
      await until('a server that strangers reach', async () => reaches(8080));
      const session = start('ip', 'netns', 'exec', 'outside', 'sh', '-c', `${SSH} cat`);
      let echoed = '';
      session.stdout?.on('data', (chunk: Buffer) => (echoed += chunk.toString()));
      session.stdin?.write('before\n');
      await until('the session', async () => echoed.includes('before'));
      const plan = JSON.stringify(await apply('host', SETTINGS, 'plan'));
      expect(plan).toContain('tcp dport { 2222 } accept');
      expect(plan).toContain('access to port 8080');
      expect(await changed('host', SETTINGS)).toEqual(HOST_STEPS);
      expect(await firewall('status')).toContain('"trial"');
      session.stdin?.write('after\n');
      await until('the session to go on', async () => echoed.includes('after'));
      expect(await reaches(8080)).toBe(false);
      expect(await changed('host', SETTINGS)).toEqual([]);
    });

    it('is not confirmed by a session that was open before, and is taken away when nobody confirms', async () => {
      expect(await firewall('confirm')).toContain('nobody has logged in since');
      const timer = await sh('systemctl show -p ActiveState --value vectabase-firewall-revert.timer');
      expect(timer.stdout.trim()).toBe('active');
      await sh('systemctl start vectabase-firewall-revert.service'); // what the timer does when its time is over
      await until('the way back', async () => reaches(8080));
      expect((await sh('nft list tables')).stdout).not.toContain('vectabase');
      expect((await sh('systemctl is-enabled vectabase-firewall.service', false)).stdout.trim()).toBe('disabled');
    });

    it('stays when somebody logs in and confirms it, also after a reboot', async () => {
      expect(await changed('host', SETTINGS)).toEqual(['host.firewall']);
      const confirmed = await outside(`${SSH} vectabase firewall confirm 2>&1`);
      expect(confirmed.stdout).toContain('The firewall is on');
      expect((await sh('systemctl is-active vectabase-firewall-revert.timer', false)).stdout.trim()).toBe('inactive');
      for (const child of left.splice(0)) child.kill('SIGKILL');
      await tree.reboot();
      await network();
      start('node', '/vectabase/test/fixtures/echo-server.mjs', '54321');
      start('node', '-e', "require('http').createServer((_, r) => r.end('open')).listen(8080, '0.0.0.0')");
      await until('a server', async () => (await sh('curl -s http://127.0.0.1:8080', false)).stdout === 'open');
      expect(await reaches(8080)).toBe(false);
      expect((await outside(`${SSH} echo in`)).stdout).toBe('in\n');
      expect(await changed('host', SETTINGS)).toEqual([]);
    });

    it.each([
      ['its rules', 'nft add rule inet vectabase input tcp dport 8080 accept', ['host.firewall']],
      ['its table', 'nft flush ruleset', ['host.firewall']],
      ['its file', 'echo "# x" >> /etc/vectabase/firewall.nft', ['host.firewall']],
      ['its unit', 'echo "# x" >> /etc/systemd/system/vectabase-firewall.service', ['host.firewall-unit']],
      ['its place in the boot', 'systemctl disable vectabase-firewall.service', ['host.firewall']],
      ['the cap of the journal', 'rm /etc/systemd/journald.conf.d/50-vectabase.conf', ['host.journal']],
      ['the updates', 'chmod 600 /etc/apt/apt.conf.d/52vectabase-upgrades', ['host.upgrades']],
    ])('repairs %s, and nothing else', async (_, tamper, repaired) => {
      await sh(tamper);
      expect(await changed('host', SETTINGS)).toEqual(repaired);
      expect(await reaches(8080)).toBe(false);
    });

    it('leaves the machine to another one', async () => {
      expect(await changed('host', SETTINGS)).toEqual([]);
      await sh(`vectabase firewall revert; nft add table inet mine
        nft 'add chain inet mine input { type filter hook input priority 0; policy drop; }'
        nft add rule inet mine input ct state established,related accept; nft add rule inet mine input iif lo accept`);
      const before = (await sh('nft list ruleset')).stdout;
      expect(await changed('host', SETTINGS)).toEqual([]);
      expect((await sh('nft list ruleset')).stdout).toBe(before);
      await sh('nft delete table inet mine');
      expect(await changed('host', SETTINGS)).toEqual(['host.firewall']);
    });

    it('is read by apt, needrestart and the journal as it is meant', async () => {
      const apt = (await sh('apt-config dump')).stdout;
      expect(apt).toContain('APT::Periodic::Unattended-Upgrade "1"');
      expect(apt).toContain('Unattended-Upgrade::Automatic-Reboot "false"');
      expect(apt).toContain('origin=apt.postgresql.org');
      expect((await sh('systemd-analyze cat-config systemd/journald.conf')).stdout).toContain('SystemMaxUse=500M');
      expect((await sh('unattended-upgrade --dry-run', false)).code).toBe(0);
    });
  });

  describe('HTTPS', () => {
    const CADDY = { 'api.publicUrl': SITE, 'install.edge': 'caddy', 'install.certificateAuthority': 'internal' };
    const OWN = {
      ...CADDY,
      'install.edge': 'own-certificate',
      'install.certificateFile': '/root/tls.pem',
      'install.certificateKeyFile': '/root/tls.key',
    };
    const curl = async (...args: string[]): Promise<RunResult> =>
      outside(`curl -sS --max-time 20 --cacert ${ROOT_CERTIFICATE} ${args.join(' ')}`);
    const certificate = async (serial: number, name = HOST): Promise<void> => {
      await sh(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=${name} -set_serial ${serial} \
        -addext subjectAltName=DNS:${name} -keyout /root/new.key -out /root/new.pem 2>/dev/null
        chmod 600 /root/new.key; mv /root/new.key /root/tls.key; mv /root/new.pem /root/tls.pem`);
    };
    /** A neighbour that answers as Let's Encrypt does, under its name; the machine trusts its root. */
    const authority = async (): Promise<void> => {
      await sh(`echo ${OUTSIDE} ${AUTHORITY} >> /etc/hosts`);
      await tree.run(['tee', '/root/authority.caddy'], { input: AUTHORITY_CADDYFILE });
      start(
        ...'ip netns exec outside env XDG_DATA_HOME=/root/authority caddy run'.split(' '),
        ...'--config /root/authority.caddy --adapter caddyfile'.split(' '),
      );
      await until(
        'its root',
        async () => (await sh('[ -f /root/authority/caddy/pki/authorities/local/root.crt ]', false)).code === 0,
      );
      await sh(`cp /root/authority/caddy/pki/authorities/local/root.crt /usr/local/share/ca-certificates/authority.crt
        update-ca-certificates >/dev/null 2>&1`);
      await until('its directory', async () => (await trusting(`https://${AUTHORITY}/directory`)).code === 0);
    };
    const trusting = async (url: string): Promise<RunResult> => outside(`curl -fsS --max-time 20 ${url}`);
    const serial = async (): Promise<string> => {
      const script = `echo | openssl s_client -connect ${INSIDE}:443 -servername ${HOST} 2>/dev/null | openssl x509 -noout -serial`;
      return (await outside(script)).stdout.trim();
    };

    it('is refused without a public URL, or where a port is taken', async () => {
      expect(await apply('edge', { 'install.edge': 'caddy' })).toMatchObject({ error: 'USAGE' });
      const other = start('node', '-e', "require('http').createServer(() => {}).listen(80, '0.0.0.0')");
      await until('the port', async () => (await sh('ss -Htln sport = :80')).stdout !== '');
      expect(await apply('edge', CADDY)).toMatchObject({ error: 'PORT_IN_USE' });
      other.kill('SIGKILL');
      await sh('pid=$(ss -Htlnp sport = :80 | sed "s/.*pid=\\([0-9]*\\).*/\\1/"); [ -z "$pid" ] || kill -9 $pid');
    });

    it('is served by Caddy with a certificate that clients verify', async () => {
      expect(await changed('edge', CADDY)).toEqual(['edge.packages', 'edge.files', 'edge.unit']);
      expect(await changed('edge', CADDY)).toEqual([]);
      await changed('host', CADDY);
      await outside(`${SSH} vectabase firewall confirm`);
      await until('a certificate', async () => (await curl(SITE)).code === 0);
      expect((await outside(`curl -sS ${SITE}`)).code).not.toBe(0); // an authority that nobody trusts
      const { stdout } = await curl(
        '-i',
        `${SITE}/rest/v1/things?select=%2A`,
        '-H',
        "'x-forwarded-for: 6.6.6.6'",
        '-H',
        "'forwarded: for=6.6.6.6'",
      );
      expect(stdout).toMatch(/^HTTP\/2 200/);
      expect(stdout.toLowerCase()).toContain('strict-transport-security: max-age=31536000');
      const told = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Told;
      expect(told.url).toBe('/rest/v1/things?select=%2A');
      expect(told.headers).toMatchObject({ host: HOST, 'x-forwarded-for': OUTSIDE, 'x-forwarded-proto': 'https' });
      expect(told.headers['forwarded']).toBeUndefined();
    });

    it('sends plain HTTP over to it, carries uploads and upgraded connections', async () => {
      const plain = await curl('-i', `http://${HOST}/auth/v1/health`);
      expect(plain.stdout).toMatch(/^HTTP\/1.1 308[^]*location: https:\/\/api\.shop\.test\/auth\/v1\/health/i);
      const upload = await curl('--data-binary', '@/vectabase/package-lock.json', `${SITE}/storage/v1/object/a`);
      const { bytes } = JSON.parse(upload.stdout) as Told;
      expect(bytes).toBe(Number((await sh('stat -c %s /vectabase/package-lock.json')).stdout));
      const upgrade = `const s = require('tls').connect({ host: '${INSIDE}', port: 443, servername: '${HOST}', ALPNProtocols: ['http/1.1'],
        ca: require('fs').readFileSync('${ROOT_CERTIFICATE}') }, () => s.write('GET /realtime/v1/websocket HTTP/1.1\\r\\nHost: ${HOST}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n'));
        let all = ''; s.on('data', (d) => { all += d; if (all.includes('pong-frame')) { console.log(all); s.end(); }
        else if (all.includes('101') && all.endsWith('\\r\\n\\r\\n')) s.write('pong-frame'); }); setTimeout(() => process.exit(1), 20000).unref();`;
      await tree.run(['tee', '/root/upgrade.js'], { input: upgrade });
      expect((await outside('node /root/upgrade.js')).stdout).toMatch(/101 Switching Protocols[^]*pong-frame/);
    });

    it('gives its own services no port to strangers, and Caddy no more than it needs', async () => {
      expect(await reaches(54321)).toBe(false);
      expect(await reaches(2019)).toBe(false);
      const listening = (await sh('ss -Htlnp')).stdout.split('\n').filter((line) => line.includes('caddy'));
      expect(listening.every((line) => /:(80|443)\b/.test(line))).toBe(true);
      const { stdout } = await sh('systemd-analyze security vectabase-edge.service | tail -1');
      expect(Number(/(\d+\.\d+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(1.5);
    });

    it('gets its certificate from an authority by ACME, and another one before that ends', async () => {
      const ACME = { 'api.publicUrl': SITE, 'install.edge': 'caddy', 'install.acmeEmail': 'owner@shop.test' };
      await authority();
      expect(await changed('edge', ACME)).toEqual(['edge.files', 'edge.unit']);
      await until('a certificate', async () => (await trusting(SITE)).code === 0);
      const first = await serial();
      const { stdout: account } = await sh('cat /var/lib/vectabase-edge/caddy/acme/*/users/*/*.json');
      expect(account).toContain('owner@shop.test');
      expect((await sh('find /var/lib/vectabase-edge -type f -perm /077')).stdout).toBe('');
      await sh(NEARLY_OVER);
      await sh('systemctl restart vectabase-edge.service');
      await until('a renewed one', async () => !['', 'serial=0BAD', first].includes(await serial()));
      expect((await trusting(SITE)).code).toBe(0);
      expect((await sh('journalctl --no-pager -u vectabase-edge.service')).stdout).toContain('renewed successfully');
    });

    it('takes a certificate of the owner, refuses what clients would not accept, and takes over a renewed one', async () => {
      await certificate(1, 'other.test');
      expect(await apply('edge', OWN)).toMatchObject({
        message: expect.stringContaining(`is not for ${HOST}`) as string,
      });
      await certificate(1);
      await sh('chmod 644 /root/tls.key');
      expect(await apply('edge', OWN)).toMatchObject({ message: expect.stringContaining('read by others') as string });
      await sh(
        'chmod 600 /root/tls.key; cp /root/tls.key /root/kept.key; openssl genpkey -algorithm ed25519 -out /root/tls.key; chmod 600 /root/tls.key',
      );
      expect(await apply('edge', OWN)).toMatchObject({
        message: expect.stringContaining('is not the key of') as string,
      });
      await sh('mv /root/kept.key /root/tls.key');
      expect(await changed('edge', OWN)).toEqual(['edge.files', 'edge.unit', 'edge.renewal']);
      expect(await changed('edge', OWN)).toEqual([]);
      await until('the first', async () => (await serial()) === 'serial=01');
      const pid = (await sh('systemctl show -p MainPID --value vectabase-edge.service')).stdout;
      await certificate(2);
      await until('the renewed one', async () => (await serial()) === 'serial=02');
      expect((await sh('systemctl show -p MainPID --value vectabase-edge.service')).stdout).toBe(pid); // no restart
      expect((await sh('stat -c "%U %a" /run/vectabase-edge/key.pem')).stdout).toBe('caddy 400\n');
    });

    it('goes with everything else', async () => {
      await apply('edge', OWN, 'undo');
      await apply('host', OWN, 'undo');
      const { stdout } = await sh(
        'ls /etc/caddy /etc/systemd/system; nft list tables; dpkg -l caddy nftables | grep ^ii || true',
        false,
      );
      expect(stdout).not.toMatch(/vectabase/);
    });
  });
});

interface Applied {
  readonly changed?: ReadonlyArray<{ readonly id: string }>;
  readonly error?: string;
  readonly message?: string;
}

interface Told {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
}
