import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InstalledTree, type JournalLine } from '../support/installed-tree.ts';
import { loopDisk, mountForData, type LoopDisk } from '../support/loop-disk.ts';
import { TrixieTree } from '../support/trixie-tree.ts';

describe('vectabase install on a bare Debian 13', () => {
  let disk: LoopDisk;
  let machine: InstalledTree;
  let bare: string;
  let journal: JournalLine[];

  beforeAll(async () => {
    disk = await loopDisk(3072, []);
    const tree = await TrixieTree.boot({ kind: 'bare', network: 'private', changes: 'disk', devices: [disk.device] });
    machine = new InstalledTree(tree);
    await mountForData(tree, disk);
    bare = await machine.listing();
  });
  afterAll(async () => {
    await machine.tree.stop();
    await disk.release();
  });

  it('shows a plan and touches nothing', async () => {
    expect((await machine.install('--dry-run')).steps).not.toEqual([]);
    expect(await machine.listing()).toBe(bare);
    expect(await machine.sh('ls /var/lib/vectabase')).toBe('');
  });

  it('refuses at once what cannot work, with what to do', async () => {
    expect(await machine.refusal({ user: 'daemon' })).toMatchObject({
      exitCode: 5,
      hint: 'Run: sudo vectabase install',
    });
    await machine.sh(`systemd-run --unit=squatter node -e 'require("net").createServer().listen(5432)'
      until ss -Hltn | grep -q :5432; do sleep 0.1; done`);
    expect(await machine.refusal()).toMatchObject({
      code: 'PORT_IN_USE',
      hint: expect.stringContaining('--pg-port 5433'),
    });
    await machine.sh(
      'systemctl stop squatter; touch -r /var/lib/dpkg/status /root/before; touch -d +2days /var/lib/dpkg/status',
    );
    expect(await machine.refusal()).toMatchObject({
      code: 'PRECONDITION_FAILED',
      message: expect.stringContaining('the clock says'),
      hint: expect.stringContaining('timedatectl set-ntp true'),
    });
    await machine.sh('touch -r /root/before /var/lib/dpkg/status; mount -t tmpfs -o size=64m none /var/lib');
    expect(await machine.refusal()).toMatchObject({ code: 'DISK_FULL', hint: expect.stringContaining('du -xh') });
    await machine.sh('umount /var/lib; mv /srv/apt /srv/elsewhere');
    expect(await machine.refusal()).toMatchObject({
      code: 'PACKAGES_UNAVAILABLE',
      exitCode: 7,
      hint: expect.stringContaining('apt-get update'),
    });
    await machine.sh('mv /srv/elsewhere /srv/apt');
  });

  it('goes on from there to a running platform, and finds nothing to do the second time', async () => {
    await machine.install();
    expect(await machine.restStatus()).toBe(200);
    expect((await machine.install()).changed).toEqual([]);
    expect(await machine.sh('vectabase install --json')).toMatch(/"changed":\[\]/);
    journal = await machine.journal();
  });

  it('comes back by itself after a reboot', async () => {
    await machine.tree.reboot();
    expect(await machine.restStatus()).toBe(200);
    expect((await machine.install()).changed).toEqual([]);
  });

  it('repairs what somebody changed, and only that', async () => {
    const whole = await machine.listing();
    for (const [index, thing] of managedThings(journal).entries()) {
      const ways = tamperings(thing);
      const tampering = ways[index % ways.length] ?? '';
      await machine.sh(tampering);
      const { changed } = await machine.install();
      const others = changed.filter(({ id }) => id !== thing.step).flatMap(({ changes }) => changes);
      const outcome = {
        tampering,
        repaired: changed.some(({ id }) => id === thing.step),
        // A service is started again with its repaired file: that is the repair, too.
        others: others.filter(({ action }) => action !== 'run'),
        left: difference(whole, await machine.listing()),
      };
      expect(outcome).toEqual({ tampering, repaired: true, others: [], left: [] });
    }
    expect((await machine.install()).changed).toEqual([]);
  }, 1_200_000);

  it('leaves /etc as it was when it is taken away, and finds its data when it comes back', async () => {
    await machine.uninstall();
    expect(await machine.listing()).toBe(bare);
    await machine.install();
    expect((await machine.install()).changed).toEqual([]);
  });

  it('leaves nothing when it is purged', async () => {
    await machine.uninstall('--purge');
    expect(await machine.listing()).toBe(bare);
    expect(await machine.sh('find /var/lib/vectabase /opt/vectabase 2>/dev/null || true')).toBe('/var/lib/vectabase\n');
  });

  it('goes on after kill -9 at any step', async () => {
    const reference = journal.filter(({ type }) => type !== 'run');
    const steps = [...new Set(reference.map((line) => line.step))];
    for (const step of someOf(steps)) {
      const instants = 2 * reference.filter((line) => line.step === step).length;
      const all = KILLS === 'all' ? range(instants) : [1 + Math.floor(Math.random() * instants)];
      for (const at of all) await machine.installUntil(step, at);
    }
    await machine.install();
    expect((await machine.install()).changed).toEqual([]);
    expect(await machine.restStatus()).toBe(200);
  }, 1_200_000);

  it('installs over ssh as it does here', async () => {
    await machine.sh(`export DEBIAN_FRONTEND=noninteractive
      apt-get install -qy --no-install-recommends openssh-server openssh-client
      mkdir -p /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id && cp /root/.ssh/id.pub /root/.ssh/authorized_keys
      systemctl start ssh && ssh-keyscan 127.0.0.1 > /root/.ssh/known_hosts`);
    const there = ['--host', 'root@127.0.0.1', '--ssh-identity', '/root/.ssh/id'];
    await machine.sh('chmod 0777 /etc/vectabase');
    expect((await machine.install(...there)).changed.map(({ id }) => id)).toEqual(['machine.directories']);
    expect(await machine.sh('ls -d /var/tmp/vectabase* /tmp/vectabase* 2>/dev/null || true')).toBe('');
  });
});

/** `some` steps at one instant each (they change from run to run), each step (`steps`), or `all` instants of each. */
const KILLS = process.env['VECTABASE_INSTALL_KILLS'] ?? 'some';

/** In their order: a step that was killed is done again before the next one. */
function someOf(steps: readonly string[]): readonly string[] {
  if (KILLS !== 'some') return steps;
  const offset = Math.floor(Math.random() * 4);
  return steps.filter((_, index) => index % 4 === offset);
}

interface Thing {
  readonly step: string;
  readonly kind: string;
  readonly target: string;
}

/** Everything on record that can be tampered with: one entry for each file, directory, unit and membership. */
function managedThings(journal: readonly JournalLine[]): Thing[] {
  const things = journal.flatMap(({ step, record }) => (record === undefined ? [] : [{ step, ...record }]));
  const known = things.filter(({ kind, target }) => tamperings({ step: '', kind, target }).length > 0);
  return [...new Map(known.map((each) => [each.target, each])).values()];
}

/** Each thing gets one of them, in turn. */
function tamperings({ kind, target }: Thing): readonly string[] {
  switch (kind) {
    case 'file':
      return [
        `echo '# somebody else' >> ${target}`,
        `rm ${target}`,
        `chmod 0777 ${target}`,
        `chown 1234:1234 ${target}`,
      ];
    case 'directory':
      return [`chmod 0777 ${target}`];
    case 'unit':
      return [`systemctl stop ${target}`, `systemctl disable ${target} || true; systemctl stop ${target}`];
    default:
      return [];
  }
}

/** Lines of one listing that the other does not have. */
function difference(one: string, other: string): string[] {
  const [ours, theirs] = [one, other].map((text) => new Set(text.split('\n')));
  return [...(ours ?? [])].filter((line) => theirs?.has(line) !== true);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index + 1);
}
