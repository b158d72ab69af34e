import { existsSync } from 'node:fs';
import path from 'node:path';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { loadSettings } from '../../../foundation/config/settings.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import { run } from '../../../foundation/process/run.ts';
import { editSettings } from '../../../foundation/process/settings-file.ts';
import type { Hands } from './drive.ts';
import { writeRecord } from './record.ts';

const DAEMON = 'vectabase.service';
/** Its start has 90 s in its unit, and Postgres may replay WAL before it. */
const HEALTH_MS = 120_000;

/** The machine that we run on. */
export function machineHands(signal: AbortSignal): Hands {
  return {
    save: async (record) => writeRecord(record),
    configure: async (migration, direction) => {
      await editSettings(INSTALLED.configuration, (document) => migration[direction](document));
    },
    activate: async (release) => {
      // Each release knows itself what it needs; with its own Node, where it has one.
      const node = [path.join(release, 'node'), process.execPath].find((file) => existsSync(file)) ?? 'node';
      await program([node, path.join(release, 'bin', 'run.js'), 'install', '--no-input', '--json'], 1_800_000);
      // Clients wait on the socket meanwhile.
      await program(['systemctl', 'restart', DAEMON], 120_000);
    },
    ailment: async () => ailmentOf(signal),
  };
}

async function program(argv: readonly [string, ...string[]], timeout: number): Promise<void> {
  const { exitCode, stdout, stderr } = await run(argv, { timeout });
  if (exitCode === 0) return;
  const said = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
  throw new VectabaseError('PROGRAM_FAILED', {
    message: `${argv.slice(-4).join(' ')} ended with ${exitCode}: ${messageIn(said)}`,
    hint: 'Run vectabase doctor.',
    details: { exitCode },
  });
}

/** Of a command of ours in JSON mode. */
function messageIn(line: string): string {
  try {
    return (JSON.parse(line) as { error: { message: string } }).error.message;
  } catch {
    return line;
  }
}

/** Healthy is what answers twice in a row, a second apart: a daemon that dies at its first request is not. */
async function ailmentOf(signal: AbortSignal): Promise<string | undefined> {
  const end = Date.now() + HEALTH_MS;
  let reason = 'it did not start';
  let restarts: number | undefined;
  for (let good = 0; Date.now() < end; await sleep(1_000, signal)) {
    const { stdout } = await run(['systemctl', 'show', DAEMON, '--property=ActiveState,NRestarts']);
    const now = Number(/NRestarts=(\d+)/.exec(stdout)?.[1] ?? 0);
    restarts ??= now;
    if (now - restarts >= 3) return `${DAEMON} dies again and again`;
    const active = /ActiveState=active/.test(stdout);
    const answer = active ? await readyReason() : `${DAEMON} is ${/ActiveState=(\w+)/.exec(stdout)?.[1] ?? 'missing'}`;
    good = answer === undefined ? good + 1 : 0;
    if (good === 2) return undefined;
    reason = answer ?? reason;
    if (/ActiveState=failed/.test(stdout)) return `${DAEMON} failed`;
  }
  return reason;
}

async function readyReason(): Promise<string | undefined> {
  const { port } = loadSettings({ dir: INSTALLED.configuration }).settings.api;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(5_000) });
    await response.body?.cancel();
    return response.status === 200 ? undefined : `the API says ${response.status}`;
  } catch {
    return 'the API does not answer';
  }
}
