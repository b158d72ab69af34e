import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machineImage, type MachineImage } from '../support/machine-image.ts';
import { newChassis, VirtualMachine, type Chassis } from '../support/virtual-machine.ts';

const DATA = '/var/lib/vectabase/data';
const PASSPHRASE = 'winter cobalt 2201';

/**
 * What a container cannot show: dm-crypt, a security chip, a console, and a boot of its own kernel. A processor is
 * emulated for it, so it runs only when asked for: VECTABASE_QEMU=1 npx vitest run --config vitest.vps.config.ts virtual-machine
 */
describe.skipIf(process.env['VECTABASE_QEMU'] === undefined)('an encrypted volume of a machine with a TPM', () => {
  let image: MachineImage;
  let chassis: Chassis;
  let machine: VirtualMachine;

  beforeAll(async () => {
    image = await machineImage();
    chassis = await newChassis(image, [512]);
    machine = await VirtualMachine.turnOn(image, chassis, 'own-chip');
    await machine.sh(`printf '#!/bin/sh\\nexec node /vectabase/bin/run.js "$@"\\n' > /usr/local/bin/vectabase
      chmod 755 /usr/local/bin/vectabase`);
    await machine.sh('cat > /etc/systemd/system/follower.service; systemctl enable follower.service', {
      input: FOLLOWER,
    });
  });
  afterAll(async () => {
    await machine.pull();
    await rm(chassis.directory, { recursive: true });
    await image.forget();
  });

  const apply = async (volume: string, more: object = {}, action = 'apply'): Promise<unknown> => {
    const settings = JSON.stringify({ 'install.volume': volume, ...more });
    const command = `node /vectabase/test/support/apply-steps.js volume '${settings}' ${action} /root/recovery.txt`;
    return JSON.parse((await machine.sh(command, { check: false })).stdout);
  };
  const again = async (chip = 'own-chip'): Promise<void> => {
    await machine.turnOff();
    machine = await VirtualMachine.turnOn(image, chassis, chip);
  };
  const settled = async (unit: string, state: string): Promise<void> => {
    for (const deadline = Date.now() + 300_000; ; await sleep(1000)) {
      const { stdout } = await machine.sh(`systemctl is-active ${unit}`, { check: false });
      if (stdout.trim() === state) return;
      if (Date.now() > deadline) throw new Error(`${unit} is ${stdout.trim()}, not ${state}:\n${machine.console}`);
    }
  };

  it('is sealed for the chip without being asked to, on a disk of its own', async () => {
    expect(await apply('luks:/dev/vdb')).toHaveProperty('changed');
    const { stdout } = await machine.sh('vectabase volume status');
    expect(stdout).toMatch(/sealed for the security chip/);
    expect(stdout).toMatch(/ok +\/var\/lib\/vectabase\/data /);
    await machine.sh(`echo kept > ${DATA}/note`);
  });

  it('opens by itself at the next boot, before what needs it', async () => {
    await again();
    await settled('follower.service', 'active');
    expect((await machine.sh('cat /run/followed')).stdout).toBe('kept\n');
  });

  it('stays closed in another machine, which says how to go on', async () => {
    await again('other-chip');
    await settled('vectabase-volume.service', 'failed');
    await settled('follower.service', 'inactive');
    expect((await machine.sh(`ls -A ${DATA}`)).stdout).toBe('');
    const said = (await machine.sh('journalctl --no-pager -b -u vectabase-volume.service')).stdout;
    expect(said).toContain('vectabase volume unlock --recovery');
    await machine.sh('vectabase volume unlock --recovery --from-file /root/recovery.txt');
    await machine.sh('vectabase volume lock; vectabase volume unlock; systemctl start multi-user.target');
    await settled('follower.service', 'active');
    expect((await machine.sh('cat /run/followed')).stdout).toBe('kept\n');
  });

  it('asks at the console for a passphrase, refuses a wrong one, and lets nothing pass it', async () => {
    await machine.sh('systemctl stop vectabase-volume.service; rm /root/recovery.txt');
    await apply('luks:/dev/vdb', {}, 'purge');
    await machine.sh('cat > /root/answer.sh', { input: ANSWER });
    await machine.sh('setsid sh /root/answer.sh >/root/answer.log 2>&1 &');
    expect(await apply('luks-file:64M', { 'install.volumeKey': 'passphrase' })).toHaveProperty('changed');
    await machine.sh(`touch /root/answered; echo typed > ${DATA}/note`);
    await again('other-chip');
    await machine.says(/Passphrase of/);
    await settled('vectabase-volume.service', 'activating');
    machine.type('something else');
    await machine.says(/That is not it/);
    await settled('follower.service', 'inactive');
    machine.type(PASSPHRASE);
    await settled('follower.service', 'active');
    expect((await machine.sh('cat /run/followed')).stdout).toBe('typed\n');
    await machine.says(/login:/);
  });
});

/** Stands for Postgres, whose package takes minutes on an emulated processor. */
const FOLLOWER = `[Unit]
Requires=vectabase-volume.service
After=vectabase-volume.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=cp ${DATA}/note /run/followed
[Install]
WantedBy=multi-user.target
`;

/** Types the passphrase wherever systemd asks for one, as its agents do. */
const ANSWER = `while [ ! -e /root/answered ]; do
  for ask in /run/systemd/ask-password/ask.*; do
    [ -e "$ask" ] || continue
    printf '%s' '${PASSPHRASE}' | /usr/lib/systemd/systemd-reply-password 1 "$(sed -n s/^Socket=//p "$ask")" || true
  done
  sleep 1
done
`;
