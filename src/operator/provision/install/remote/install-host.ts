import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { assetPath } from '../../../../foundation/core/assets.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { withResources } from '../../../../foundation/core/release.ts';
import { shellWord } from '../../../../foundation/core/shell-words.ts';
import { runForeground } from '../../../../foundation/process/foreground.ts';
import { run } from '../../../../foundation/process/run.ts';
import { packRelease } from './pack.ts';
import { sshArgv, sshEnvironment, unreachable, type SshTarget } from './ssh.ts';

export interface HostInput extends Omit<SshTarget, 'control'> {
  /** Words after `vectabase`: `install --postgres 17`. They run there as they would here. */
  readonly words: readonly string[];
  /** A person sits at our terminal. */
  readonly terminal: boolean;
}

/**
 * Copies this package to another machine, and a Node where it has none, runs a command of it there as root, and takes
 * the copy away again. What the command prints, it prints here. Answers its exit code.
 *
 * @throws HOST_UNREACHABLE; PRECONDITION_FAILED when our package cannot run there
 */
export async function runOnHost(input: HostInput): Promise<number> {
  return withResources(async (scope) => {
    const directory = scope.add(await mkdtemp(path.join(tmpdir(), 'vectabase-ssh-')), async (made) =>
      rm(made, { recursive: true, force: true }),
    );
    const target: SshTarget = { ...input, control: path.join(directory, 'control') };
    scope.add(target, async () => run(['ssh', '-O', 'exit', '-o', `ControlPath=${target.control}`, '--', target.host]));
    const there = scope.add(await prepare(target), async (made) => ask(target, `rm -rf ${shellWord(made.directory)}`));
    await send(target, there);
    const node = there.nodeFits ? 'node' : `${there.directory}/node-binary`;
    const sudo = there.root ? '' : input.batch ? 'sudo -n ' : 'sudo ';
    const command = [node, `${there.directory}/bin/run.js`, ...input.words].map(shellWord).join(' ');
    const { code } = await runForeground(sshArgv(target, `${sudo}${command}`, input.terminal), {
      env: sshEnvironment(),
    });
    if (code === 255 || code === null)
      throw unreachable(target, 'the connection broke; what was begun goes on from there');
    return code;
  });
}

interface Place {
  readonly directory: string;
  readonly nodeFits: boolean;
  readonly root: boolean;
}

/** A directory there that only its user can enter, and whether our package can run beside it. */
async function prepare(target: SshTarget): Promise<Place> {
  const { exitCode, stdout, stderr } = await ask(target, PREPARE);
  const said = new Map(
    stdout.split('\n').map((line): [string, string] => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']),
  );
  const directory = said.get('directory');
  if (exitCode !== 0 || directory === undefined) throw unreachable(target, stderr);
  const [here, theirs] = [
    `${process.platform} ${MACHINES[process.arch] ?? process.arch}`,
    said.get('machine')?.toLowerCase(),
  ];
  if (here !== theirs) {
    await ask(target, `rm -rf ${shellWord(directory)}`);
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `this package is for ${here}, and ${target.host} is ${theirs ?? 'something else'}`,
      hint: `Log in there and run it from there: ssh ${target.host}, then npx vectabase install`,
      details: { here, there: theirs ?? null },
    });
  }
  const [major = 0, minor = 0] = (said.get('node') ?? '').slice(1).split('.').map(Number);
  return { directory, nodeFits: major > 20 || (major === 20 && minor >= 19), root: said.get('uid') === '0' };
}

const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

const PREPARE = [
  'umask 077',
  'echo "machine=$(uname -s) $(uname -m)"',
  'echo "uid=$(id -u)"',
  'echo "node=$(node --version 2>/dev/null)"',
  'echo "directory=$(mktemp -d /var/tmp/vectabase-install.XXXXXXXX)"',
].join('; ');

async function send(target: SshTarget, { directory, nodeFits }: Place): Promise<void> {
  const input = await packRelease(assetPath(), nodeFits ? undefined : process.execPath);
  const { exitCode, stderr } = await ask(target, `tar --extract --gzip --directory ${shellWord(directory)}`, input);
  if (exitCode !== 0) throw unreachable(target, stderr);
  if (nodeFits) return;
  const probe = await ask(target, `${shellWord(`${directory}/node-binary`)} --version`);
  if (probe.exitCode === 0) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${target.host} has no Node 20.19 or newer, and the one of this machine does not run there`,
    hint: `Install it there (Debian 13: ssh ${target.host} apt-get install nodejs), then run the command again.`,
    details: { host: target.host },
  });
}

async function ask(target: SshTarget, command: string, input?: Readable) {
  return run(sshArgv(target, command), {
    env: sshEnvironment(),
    timeout: 1_800_000,
    ...(input === undefined ? {} : { input }),
  });
}
