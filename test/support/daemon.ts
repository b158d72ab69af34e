import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeRuntimeFile, type RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { NODE_FLAGS } from '../../src/foundation/process/daemon-program.ts';
import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { searchOutput } from './canary.ts';

export interface RunningDaemon {
  readonly process: ChildProcess;
  readonly url: string;
  /** Everything that it logged so far, one object a line. */
  readonly log: () => Array<Record<string, unknown>>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exited: Promise<number | NodeJS.Signals>;
}

interface Start {
  readonly database: DatabaseAddress;
  readonly runAs?: { uid: number; gid: number };
  readonly port?: number;
  /** Sections of the runtime file, as they stand there. */
  readonly more?: Partial<RuntimeConfig>;
}

/** Debian's Node cannot: built against a shared libuv, its `process.setuid` and the like always throw. */
export function canGiveUpRoot(): boolean {
  return spawnSync(process.execPath, ['-e', 'process.setgroups([0])'], { stdio: 'ignore' }).status === 0;
}

export const DAEMON = assetPath('bin', 'daemon.js');

/** Writes a runtime file and starts `bin/daemon.js` with it, as `vectabase up` does. Needs a build. */
export async function startDaemon(start: Start): Promise<RunningDaemon> {
  const daemon = await spawnDaemon(start);
  const first = await eventually(() => daemon.stdout().includes('\n') && daemon.stdout(), daemon.exited);
  if (first === undefined)
    throw new Error(`the daemon ended before it was ready: ${daemon.stdout()}${daemon.stderr()}`);
  return { ...daemon, url: (JSON.parse(first) as { apiUrl: string }).apiUrl };
}

/** As `startDaemon`, without waiting for the ready line. */
export async function spawnDaemon(start: Start): Promise<RunningDaemon> {
  const { file, remove } = await writeConfig(start);
  return runProgram(DAEMON, ['--config', file], remove, NODE_FLAGS);
}

/** A runtime file in a directory of its own. */
export async function writeConfig(start: Start): Promise<{ file: string; remove: () => void }> {
  const { host, port, user, password, database } = start.database;
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-daemon-'));
  const file = path.join(directory, 'daemon.json');
  await writeRuntimeFile(file, {
    api: { host: '127.0.0.1', port: start.port ?? 0, publicUrl: undefined, cors: ['https://a.example'] },
    database: { host, port, user, password, database },
    log: { level: 'debug' },
    runAs: start.runAs,
    ...start.more,
  });
  return { file, remove: () => rmSync(directory, { recursive: true }) };
}

export function runProgram(
  program: string,
  args: readonly string[],
  atEnd: () => void = () => undefined,
  flags: readonly string[] = [],
): RunningDaemon {
  const child = spawn(process.execPath, [...flags, program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: tmpdir(),
  });
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      searchOutput('the daemon', stdout(), stderr());
      atEnd();
      resolve(code ?? signal ?? -1);
    });
  });
  const log = (): Array<Record<string, unknown>> =>
    stderr()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { process: child, url: '', log, stdout, stderr, exited };
}

/** Asks until the answer is something, at most 15 seconds; `undefined` when `unless` settles first. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  unless?: Promise<unknown>,
): Promise<Exclude<T, false> | undefined> {
  const over = new AbortController();
  void unless?.then(() => over.abort());
  for (const end = Date.now() + 15_000; Date.now() < end && !over.signal.aborted; await sleep(20)) {
    const answer = await ask();
    if (answer) return answer as Exclude<T, false>;
  }
  if (over.signal.aborted) return undefined;
  throw new Error('it did not come to pass in 15 s');
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => (text += chunk));
  return () => text;
}
