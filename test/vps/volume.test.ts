import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopDisk, mountForData, type LoopDisk } from '../support/loop-disk.ts';
import { TrixieTree, type RunResult } from '../support/trixie-tree.ts';

const DATA = '/var/lib/vectabase/data';
const CLUSTER = `${DATA}/postgres/17/vectabase`;
const POSTGRES = 'postgresql@17-vectabase.service';
const KEY = '/var/lib/vectabase/volume/key.cred';
const CANARY = 'jasper-bridge-quorum-4471';

/** fscrypt for real, on an ext4 of its own, with a Postgres of Debian's on it. */
describe('an encrypted volume on Debian 13', () => {
  let disk: LoopDisk;
  let tree: TrixieTree;

  beforeAll(async () => {
    disk = await loopDisk(1024, ['-O', '^encrypt']);
    tree = await TrixieTree.boot({ kind: 'bare', changes: 'disk', network: 'private', devices: [disk.device] });
    await mountForData(tree, disk);
    await sh(`printf '#!/bin/sh\nexec node /vectabase/bin/run.js "$@"\n' > /usr/local/bin/vectabase
      chmod 755 /usr/local/bin/vectabase`);
  });
  afterAll(async () => {
    await tree.stop();
    await disk.release();
  });

  const sh = async (script: string, check = true): Promise<RunResult> => tree.run(['sh', '-ec', script], { check });
  const apply = async (action = 'apply', volume = 'fscrypt'): Promise<Applied> => {
    const settings = JSON.stringify({ 'install.volume': volume });
    const argv = ['node', '/vectabase/test/support/apply-steps.js', 'volume', settings, action, '/root/recovery.txt'];
    return JSON.parse((await tree.run(argv, { check: false })).stdout) as Applied;
  };
  const changed = async (): Promise<string[]> => {
    const { changed: steps, message } = await apply();
    if (steps === undefined) throw new Error(message);
    return steps.map(({ id }) => id);
  };
  const volume = async (...args: string[]): Promise<Said> => {
    const { code, stdout } = await tree.run(['vectabase', 'volume', ...args, '--json'], { check: false });
    return { code, ...(JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as Omit<Said, 'code'>) };
  };
  const sql = async (text: string): Promise<string> =>
    (await tree.run(['psql', '-XAtqc', text, 'postgres'], { user: 'postgres' })).stdout.trim();
  /** systemd refuses a unit that was started five times in ten seconds, which a quick machine manages here. */
  const start = async (): Promise<number | null> => {
    await tree.run(['systemctl', 'reset-failed', POSTGRES], { check: false });
    return (await tree.run(['systemctl', 'restart', POSTGRES], { check: false })).code;
  };

  it('is made once, with the key sealed for this machine and a recovery key in a file', async () => {
    expect(await changed()).toEqual([
      'volume.packages',
      'volume.fscrypt',
      'volume.data',
      'volume.files',
      'volume.unit',
      'volume.recovery',
    ]);
    expect(await changed()).toEqual([]);
    expect((await sh('stat -c %a /root/recovery.txt; cat /root/recovery.txt')).stdout).toMatch(
      /^600\n[^]*\n([0-9A-Z]{4}-){7}[0-9A-Z]{4}\n$/,
    );
    const status = await volume('status');
    expect(status).toMatchObject({ code: 0, volume: { kind: 'fscrypt', key: 'credential', unlocked: true } });
    expect(status.findings).toContainEqual(
      expect.objectContaining({ rule: 'path', subject: DATA, level: 'proved', reason: 'fscrypt on ext4' }),
    );
    expect(status.findings).toContainEqual(expect.objectContaining({ rule: 'recovery', level: 'proved' }));
  });

  it('hides on the disk what is written to it, and its own key', async () => {
    await sh(`echo ${CANARY}-inside > ${DATA}/note; echo ${CANARY}-outside > /var/lib/vectabase/note; sync`);
    const bytes = await readFile(disk.image);
    expect(bytes.includes(`${CANARY}-outside`)).toBe(true);
    expect(bytes.includes(`${CANARY}-inside`)).toBe(false);
    const recovery = (await sh('tail -1 /root/recovery.txt')).stdout.trim();
    expect(bytes.includes(recovery)).toBe(false);
    await sh(`rm ${DATA}/note /var/lib/vectabase/note`);
  });

  it('carries a Postgres that starts only behind the proof', async () => {
    await sh(`mkdir -p /etc/postgresql-common/createcluster.d
      echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/none.conf
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy postgresql-17
      pg_createcluster 17 vectabase --datadir ${CLUSTER} -- --auth-local=peer
      printf "logging_collector = on\\nlog_directory = '${DATA}/log'\\n" > /etc/postgresql/17/vectabase/conf.d/log.conf
      install -d -o postgres ${DATA}/log
      systemctl daemon-reload && systemctl enable ${POSTGRES}`);
    expect(await start()).toBe(0);
    await sql(`create table kept as select '${CANARY}' as word`);
    const { findings } = await volume('status');
    expect(findings.filter(({ rule }) => rule === 'path').map(({ subject }) => subject)).toEqual(
      expect.arrayContaining([DATA, CLUSTER, `${DATA}/log`]),
    );
  });

  it('opens by itself after a reboot, and Postgres with it', async () => {
    await tree.reboot();
    expect(await sql('select word from kept')).toBe(CANARY);
    expect((await volume('status')).code).toBe(0);
    expect(await changed()).toEqual([]);
  });

  it('is never locked under a live server', async () => {
    expect(await volume('lock')).toMatchObject({ code: 5, error: { code: 'VOLUME_BUSY' } });
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it('locks behind the servers, keeps them from starting without its key, and opens with the recovery key', async () => {
    await tree.run(['systemctl', 'stop', 'vectabase-volume.service']);
    expect((await tree.run(['systemctl', 'is-active', POSTGRES], { check: false })).stdout.trim()).toBe('inactive');
    expect((await sh(`ls ${DATA}`)).stdout).not.toMatch(/postgres/);
    expect(await volume('status')).toMatchObject({ code: 4, error: { code: 'VOLUME_LOCKED' } });
    await sh(`mv ${KEY} /root/key.cred`);
    expect(await start()).not.toBe(0);
    expect(await volume('unlock')).toMatchObject({ code: 4, error: { code: 'VOLUME_LOCKED' } });
    const wrong = '0000-'.repeat(7) + '0000';
    const typed = await tree.run(['vectabase', 'volume', 'unlock', '--recovery', '--json'], {
      input: wrong,
      check: false,
    });
    expect([typed.code, typed.stdout]).toEqual([4, expect.stringContaining('VOLUME_KEY_WRONG')]);
    expect(await start()).not.toBe(0);
    expect(await volume('unlock', '--recovery', '--from-file', '/root/recovery.txt')).toMatchObject({ code: 0 });
    expect(await start()).toBe(0);
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it('opens by itself again after that, and the lost key never more', async () => {
    await tree.run(['systemctl', 'stop', 'vectabase-volume.service']);
    await sh(`mv ${KEY} /root/new.cred; mv /root/key.cred ${KEY}`);
    expect(await volume('unlock')).toMatchObject({ code: 4, error: { code: 'VOLUME_KEY_WRONG' } });
    await sh(`mv /root/new.cred ${KEY}`);
    expect(await start()).toBe(0);
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it('comes back from the recovery kit when the wrapped keys on the disk are lost', async () => {
    await sh('systemctl stop vectabase-volume.service && mv /var/lib/vectabase/.fscrypt /root/');
    expect(await volume('unlock')).toMatchObject({ code: 5, error: { code: 'PROGRAM_FAILED' } });
    await sh('cp -a /etc/vectabase/recovery/fscrypt /var/lib/vectabase/.fscrypt');
    expect(await start()).toBe(0);
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it.each<[what: string, make: string, unmake: string, subject: string]>([
    [
      'its WAL is elsewhere',
      `cp -a ${CLUSTER}/pg_wal /srv/wal && mv ${CLUSTER}/pg_wal ${CLUSTER}/pg_wal.own && ln -s /srv/wal ${CLUSTER}/pg_wal`,
      `rm -r ${CLUSTER}/pg_wal /srv/wal && mv ${CLUSTER}/pg_wal.own ${CLUSTER}/pg_wal`,
      `${CLUSTER}/pg_wal`,
    ],
    [
      'a tablespace is elsewhere',
      `install -d -o postgres /srv/space && ln -s /srv/space ${CLUSTER}/pg_tblspc/99999`,
      `rm ${CLUSTER}/pg_tblspc/99999`,
      `${CLUSTER}/pg_tblspc/99999`,
    ],
    [
      'its log is elsewhere',
      `sed -i s:${DATA}/log:/srv/log: /etc/postgresql/17/vectabase/conf.d/log.conf`,
      `sed -i s:/srv/log:${DATA}/log: /etc/postgresql/17/vectabase/conf.d/log.conf`,
      '/srv/log',
    ],
    [
      'the configuration names another directory',
      `cp -a ${CLUSTER} /srv/plain && sed -i s:${CLUSTER}:/srv/plain: /etc/postgresql/17/vectabase/postgresql.conf`,
      `sed -i s:/srv/plain:${CLUSTER}: /etc/postgresql/17/vectabase/postgresql.conf`,
      '/srv/plain',
    ],
    [
      'something plain is mounted inside',
      `mkdir -p ${DATA}/spool && mount -t tmpfs none ${DATA}/spool`,
      `umount ${DATA}/spool`,
      `${DATA}/spool`,
    ],
  ])('refuses to start Postgres when %s', async (_, make, unmake, subject) => {
    await tree.run(['systemctl', 'stop', POSTGRES]);
    await sh(make);
    expect(await start()).not.toBe(0);
    const status = await volume('status');
    expect(status).toMatchObject({ code: 5, error: { code: 'VOLUME_PLAINTEXT' } });
    expect(status.error?.message).toContain(subject);
    await sh(unmake);
    expect(await start()).toBe(0);
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it('starts on plaintext when the configuration allows it, and says so', async () => {
    await sh(`mkdir -p ${DATA}/spool && mount -t tmpfs none ${DATA}/spool
      printf 'install:\\n  volume: plaintext\\n' > /etc/vectabase/vectabase.yml`);
    expect(await start()).toBe(0);
    const status = await tree.run(['vectabase', 'volume', 'status']);
    expect(status.stderr).toContain('NOT encrypted');
    expect(await volume('status')).toMatchObject({ code: 0, level: 'refused', plaintextAllowed: true });
    await sh(`rm /etc/vectabase/vectabase.yml; umount ${DATA}/spool`);
  });

  it.each([
    ['its settings', 'echo {} > /etc/fscrypt.conf', ['volume.fscrypt']],
    ['its unit', 'echo "# x" >> /etc/systemd/system/vectabase-volume.service', ['volume.files']],
    ['the proof before Postgres', `rm /etc/systemd/system/${POSTGRES}.d/60-vectabase-volume.conf`, ['volume.files']],
    ['its place in the boot', 'systemctl disable vectabase-volume.service', ['volume.unit']],
    ['the copy of its wrapped keys', 'rm -r /etc/vectabase/recovery', ['volume.data']],
  ])('repairs %s, and nothing else', async (_, tamper, repaired) => {
    await sh(tamper);
    expect(await changed()).toEqual(repaired);
  });

  it('goes on where a run was killed between the encryption and the note about it', async () => {
    expect(await changed()).toEqual([]);
    const state = '/var/lib/vectabase/volume/volume.json';
    const cut = `const s = JSON.parse(fs.readFileSync('${state}')); delete s.protector; delete s.recovery; s.ready = false;
      fs.writeFileSync('${state}', JSON.stringify(s))`;
    await sh(`systemctl stop vectabase-volume.service; node -e "${cut}"`);
    expect(await changed()).toEqual(expect.arrayContaining(['volume.data', 'volume.recovery']));
    expect(await start()).toBe(0);
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it('stays when everything else is taken back, and is found again', async () => {
    await apply('undo');
    expect((await sh('ls /etc/fscrypt.conf /etc/systemd/system/vectabase-volume.service', false)).stdout).toBe('');
    expect((await sh(`ls ${DATA}`)).stdout).not.toMatch(/postgres/);
    await changed();
    expect(await start()).toBe(0);
    expect(await sql('select word from kept')).toBe(CANARY);
  });

  it('refuses a directory that holds something, and a disk too', async () => {
    await tree.run(['systemctl', 'stop', POSTGRES]);
    await apply('purge');
    expect((await sh('ls -A /var/lib/vectabase/volume /var/lib/vectabase/data', false)).stdout).toBe('');
    await sh(`mkdir ${DATA} && touch ${DATA}/mine`);
    expect(await apply()).toMatchObject({ error: 'VOLUME_OCCUPIED' });
    expect(await apply('apply', 'existing')).toMatchObject({ error: 'VOLUME_PLAINTEXT' });
    expect(await apply('apply', `luks:${disk.device}`)).toMatchObject({ error: 'VOLUME_OCCUPIED' });
    expect((await sh(`ls ${DATA}`)).stdout).toBe('mine\n');
  });

  it('takes the place of one of another kind that was begun and never made', async () => {
    const begun = { kind: 'luks', directory: DATA, key: 'credential', ready: false };
    const state = JSON.stringify({ ...begun, device: disk.device, uuid: randomUUID(), mapper: 'never', slot: '0' });
    await sh(`rm -rf ${DATA}; install -d -m 700 /var/lib/vectabase/volume; mkdir -p /etc/vectabase
      printf 'install:\\n  volume: plaintext\\n' > /etc/vectabase/vectabase.yml`);
    await tree.run(['tee', '/var/lib/vectabase/volume/volume.json'], { input: state });
    expect(await apply('apply', 'plaintext')).toMatchObject({ changed: expect.any(Array) as unknown });
    expect((await sh(`ls -d /var/lib/vectabase/volume ${DATA}`, false)).stdout.trim()).toBe(DATA);
    expect((await sh(`blkid -o value -s TYPE ${disk.device}`)).stdout.trim()).toBe('ext4');
  });
});

interface Applied {
  readonly changed?: ReadonlyArray<{ readonly id: string }>;
  readonly error?: string;
  readonly message?: string;
}

interface Said {
  readonly code: number | null;
  readonly level?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly findings: ReadonlyArray<{ readonly rule: string; readonly subject: string }>;
}
