/**
 * From a bare Debian 13 to the first authenticated answer of the API, and what it costs then: `npm run bench:install`.
 * Exits 1 when a limit is passed. bench/README.md tells what is measured.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loopDisk, mountForData } from '../test/support/loop-disk.ts';
import { TrixieTree } from '../test/support/trixie-tree.ts';
import { machine, mebibytes, saveResult, table } from './report.ts';

const { values: flags } = parseArgs({ options: { idle: { type: 'string', default: '60' } } });
const CLI = ['node', '/vectabase/bin/run.js'] as const;
/** Postgres is tuned for the machine that `install` sees. */
const SMALL = { NODE_OPTIONS: '--import=/vectabase/test/support/small-machine.js' };
const SERVERS = ['vectabase.service', 'postgresql@17-vectabase.service', 'pgbouncer.service'];
const EXPOSURE = { 'vectabase.service': 1.5, 'postgresql@17-vectabase.service': 3, 'pgbouncer.service': 1.5 };

const CLIENT = `
  import { execFileSync } from 'node:child_process';
  import { createClient } from '/vectabase/node_modules/@supabase/supabase-js/dist/index.mjs';
  const { apiKeys } = JSON.parse(execFileSync('vectabase', ['keys', 'show', '--reveal', '--json'], { encoding: 'utf8' }));
  const { key } = apiKeys.find(({ role, key }) => role === 'anon' && !key.includes('…'));
  const client = createClient('http://127.0.0.1:54321', key, { realtime: { transport: class {} } }); // Node 20 has no WebSocket
  for (const deadline = Date.now() + 60000; ; ) {
    const { status } = await client.from('hello').select();
    if (status === 200 || Date.now() > deadline) {
      console.log(status);
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.exit();
`;

const disk = await loopDisk(4096, ['-O', 'encrypt']);
const tree = await TrixieTree.boot({ kind: 'bare', network: 'private', changes: 'disk', devices: [disk.device] });
let ended: Promise<void> | undefined;
/** Once, whoever asks first: a Ctrl-C ends what waits for the tree, too. */
const end = async (): Promise<void> => (ended ??= tree.stop().then(async () => disk.release()));
process.once('SIGINT', () => void end().then(() => process.exit(130)));
try {
  await mountForData(tree, disk);
  const seconds = async (job: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await job();
    return (performance.now() - began) / 1000;
  };
  const install = async (): Promise<{ changed: readonly unknown[] }> => {
    const words = [...CLI, 'install', '--json', '--recovery-file', '/root/recovery.txt'];
    const { stdout } = await tree.run(words, { env: SMALL });
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { changed: readonly unknown[] };
  };

  const installed = await seconds(install);
  const answered = installed + (await seconds(firstAnswer));
  let changes = -1;
  const again = await seconds(async () => {
    changes = (await install()).changed.length;
  });
  const exposure = await exposures();
  await new Promise((resolve) => setTimeout(resolve, Number(flags.idle) * 1000));
  const idle = memoryOf(await pidsOf(SERVERS));

  const lines: Array<{ what: string; measured: string; limit: string; passes: boolean }> = [
    line('bare tree to `install` done', `${installed.toFixed(1)} s`, '', true),
    line('bare tree to first authenticated REST 200', `${answered.toFixed(1)} s`, '90 s', answered <= 90),
    line('second run: steps that changed something', String(changes), '0', changes === 0),
    line('second run', `${again.toFixed(1)} s`, '10 s', again <= 10),
    ...Object.entries(EXPOSURE).map(([unit, limit]) => {
      const found = exposure.get(unit) ?? NaN;
      return line(`systemd-analyze security ${unit}`, found.toFixed(1), limit.toFixed(1), found <= limit);
    }),
    line('idle memory (PSS) with 1 GB', mebibytes(idle.bytes), '250 MB', idle.bytes <= 250 * 2 ** 20),
    line('processes', String(idle.processes), '', true),
  ];
  const rows = lines.map(({ what, measured, limit, passes }) => [what, measured, limit, passes ? 'ok' : 'TOO MUCH']);
  process.stdout.write(table(['what', 'measured', 'at most', ''], rows));
  process.stdout.write(`${machine()}\n${saveResult('install', { lines, each: idle.each })}\n`);
  if (lines.some(({ passes }) => !passes)) process.exitCode = 1;
} finally {
  await end();
}

function line(what: string, measured: string, limit: string, passes: boolean) {
  return { what, measured, limit, passes };
}

/** An unchanged supabase-js with the anon key, as soon as it reads a table of the owner's. */
async function firstAnswer(): Promise<void> {
  const sql = 'create table public.hello (id int primary key); grant select on public.hello to anon';
  await tree.run(['vectabase', 'db', 'psql', '--', '-qc', sql]);
  const { stdout } = await tree.run(['node', '--input-type=module', '-e', CLIENT]);
  if (stdout.trim() !== '200') throw new Error(`the API said ${stdout.trim()}`);
}

async function exposures(): Promise<Map<string, number>> {
  const { stdout } = await tree.run(['systemd-analyze', 'security', '--no-pager']);
  return new Map(
    [...stdout.matchAll(/^(\S+\.service)\s+(\d+(?:\.\d+)?)\s/gm)].map(([, unit = '', score]) => [unit, Number(score)]),
  );
}

/** Of the host's view: systemd inside knows the processes of a unit by their number inside, and /proc there tells more. */
async function pidsOf(units: readonly string[]): Promise<number[]> {
  const { stdout } = await tree.run(['ps', '-eo', 'pid=,unit=']);
  return stdout.split('\n').flatMap((text) => {
    const [pid = '', unit = ''] = text.trim().split(/\s+/);
    return units.includes(unit) ? [Number(pid)] : [];
  });
}

interface Memory {
  readonly bytes: number;
  readonly processes: number;
  readonly each: ReadonlyArray<{ readonly name: string; readonly bytes: number }>;
}

/** Shared pages count once in all. @param pids inside */
function memoryOf(pids: readonly number[]): Memory {
  const each = pids.map((pid) => {
    const at = `/proc/${tree.leader()}/root/proc/${pid}`;
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${at}/smaps_rollup`, 'utf8'))?.[1];
    return { name: readFileSync(`${at}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(), bytes: Number(pss ?? 0) * 1024 };
  });
  return { bytes: each.reduce((sum, { bytes }) => sum + bytes, 0), processes: each.length, each };
}
