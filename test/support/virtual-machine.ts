import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runOrFail } from '../../src/foundation/process/run-or-fail.ts';
import { GuestAgent, type GuestAnswer } from './guest-agent.ts';
import type { MachineImage } from './machine-image.ts';

/** How long anything may take: without KVM a machine is emulated, some twenty times slower. */
const PATIENCE = 600_000;
const FIRMWARE = '/usr/share/OVMF';

/** What a machine keeps while it is off: a directory with its disks, and its security chip. */
export interface Chassis {
  readonly directory: string;
  readonly disks: readonly string[];
}

/**
 * A Debian 13 with a kernel of its own, 1 GB of memory, UEFI and a TPM 2.0: what systemd-nspawn has not. Emulated where
 * there is no KVM.
 */
export class VirtualMachine {
  readonly #qemu: ChildProcess;
  readonly #chip: ChildProcess;
  readonly #agent: GuestAgent;
  #console = '';

  private constructor(qemu: ChildProcess, chip: ChildProcess, agent: GuestAgent) {
    this.#qemu = qemu;
    this.#chip = chip;
    this.#agent = agent;
    for (const stream of [qemu.stdout, qemu.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (chunk: string) => (this.#console += chunk));
    }
  }

  /** Turns it on. The same chassis with another `chip` is the same disk in another machine. */
  static async turnOn(image: MachineImage, { directory, disks }: Chassis, chip = 'tpm'): Promise<VirtualMachine> {
    const at = (name: string): string => path.join(directory, name);
    await mkdir(at(chip), { recursive: true });
    if (!existsSync(at(`${chip}/firmware`))) await copyFile(`${FIRMWARE}/OVMF_VARS_4M.fd`, at(`${chip}/firmware`));
    await Promise.all(['agent.sock', 'tpm.sock'].map(async (name) => rm(at(name), { force: true })));
    const tpm = tied(
      'swtpm',
      `socket --tpm2 --tpmstate dir=${at(chip)} --ctrl type=unixio,path=${at('tpm.sock')} --terminate`.split(' '),
    );
    await appears(at('tpm.sock'));
    const drives = [
      `if=pflash,format=raw,readonly=on,file=${FIRMWARE}/OVMF_CODE_4M.fd`,
      `if=pflash,format=raw,file=${at(`${chip}/firmware`)}`,
      ...disks.map((disk) => `if=virtio,format=qcow2,file=${disk},cache=unsafe,discard=unmap`),
      `if=virtio,format=raw,readonly=on,file=${image.release}`,
    ];
    const qemu = tied('qemu-system-x86_64', [
      ...`-machine q35 -accel ${process.env['VECTABASE_QEMU'] === 'kvm' ? 'kvm' : 'tcg,thread=multi'}`.split(' '),
      ...'-cpu max -smp 2 -m 1024 -display none -nodefaults -serial stdio -nic none'.split(' '),
      ...`-kernel ${image.kernel} -initrd ${image.initrd}`.split(' '),
      '-append',
      'root=/dev/vda rw console=ttyS0 systemd.show_status=no quiet net.ifnames=0',
      ...drives.flatMap((drive) => ['-drive', drive]),
      ...`-chardev socket,id=tpm,path=${at('tpm.sock')} -tpmdev emulator,id=tpm,chardev=tpm`.split(' '),
      ...'-device tpm-crb,tpmdev=tpm -device virtio-rng-pci -device virtio-serial'.split(' '),
      ...`-chardev socket,id=agent,path=${at('agent.sock')},server=on,wait=off`.split(' '),
      ...'-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0'.split(' '),
    ]);
    await appears(at('agent.sock'));
    const machine = new VirtualMachine(qemu, tpm, new GuestAgent(at('agent.sock')));
    try {
      await machine.#agent.ready(Date.now() + PATIENCE);
    } catch (error) {
      await machine.pull();
      throw new Error(`the machine does not start:\n${machine.console}`, { cause: error });
    }
    return machine;
  }

  /** Everything that was printed on its serial console since it was turned on. */
  get console(): string {
    return this.#console;
  }

  /** Waits for words on the console. */
  async says(pattern: RegExp): Promise<void> {
    for (const deadline = Date.now() + PATIENCE; !pattern.test(this.#console); await sleep(200)) {
      if (Date.now() > deadline) throw new Error(`the console does not say ${String(pattern)}:\n${this.#console}`);
    }
  }

  /** At the keyboard of the console. What was printed before is forgotten, so that the answer is what comes next. */
  type(line: string): void {
    this.#console = '';
    this.#qemu.stdin?.write(`${line}\r`);
  }

  /** Runs a shell script inside. */
  async sh(script: string, options: { readonly input?: string; readonly check?: boolean } = {}): Promise<GuestAnswer> {
    const argv = ['/usr/bin/env', `PATH=${SEARCH}`, 'HOME=/root', 'sh', '-ec', script];
    const answer = await this.#agent.run(argv, options.input ?? '', Date.now() + PATIENCE);
    if (answer.code === 0 || options.check === false) return answer;
    throw new Error(`${script}\nended with ${answer.code}: ${answer.stderr}${answer.stdout}`);
  }

  /** Shuts it down in order, and waits until it is off. */
  async turnOff(): Promise<void> {
    const off = ended(this.#qemu);
    await Promise.race([this.sh('systemctl poweroff', { check: false }).catch(() => undefined), off]);
    const late = sleep(PATIENCE, 'late', { ref: false });
    if ((await Promise.race([off, late])) === 'late') throw new Error(`it does not shut down:\n${this.#console}`);
    await this.pull();
  }

  /** Pulls the plug. */
  async pull(): Promise<void> {
    this.#agent.close();
    for (const child of [this.#qemu, this.#chip]) {
      const end = ended(child);
      child.kill('SIGKILL');
      await end;
    }
  }
}

/** A chassis with a disk of the image, which stays as it is, and blank ones. */
export async function newChassis(image: MachineImage, blankMegabytes: readonly number[] = []): Promise<Chassis> {
  const directory = await mkdtemp('/var/tmp/vb-machine-');
  const system = path.join(directory, 'system.qcow2');
  await runOrFail(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', image.system, system]);
  const blank = blankMegabytes.map(
    (megabytes, index) => [path.join(directory, `blank${index}.qcow2`), megabytes] as const,
  );
  for (const [file, megabytes] of blank) {
    await runOrFail(['qemu-img', 'create', '-q', '-f', 'qcow2', file, `${megabytes}M`]);
  }
  return { directory, disks: [system, ...blank.map(([file]) => file)] };
}

const SEARCH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** It ends with us, however we end. */
function tied(program: string, args: readonly string[]): ChildProcess {
  return spawn('nice', ['-n', '5', 'setpriv', '--pdeathsig', 'KILL', program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

async function appears(file: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; !existsSync(file); await sleep(50)) {
    if (Date.now() > deadline) throw new Error(`${file} does not appear`);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}
