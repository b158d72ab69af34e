import { startTestCluster } from '../test/support/cluster.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import { Pool } from '../src/foundation/postgres/pool.ts';
import { loadSchema } from '../src/services/rest/schema/load.ts';
const cluster = await startTestCluster();
const admin = await Session.open(cluster.adminAddress, { applicationName: 'x' });
for (let from = 0; from < 2000; from += 100) {
  await admin.script(
    Array.from({ length: 100 }, (_, k) => {
      const n = from + k;
      return `create table t${n} (id int primary key, parent int ${n > 0 ? `references t${n - 1}` : ''}, a text default 'x', b int, c jsonb, d timestamptz default now(), e numeric(10,2), f uuid, g bool, h text[]);`;
    }).join('\n'),
  );
}
await admin.close();
const pool = new Pool(cluster.adminAddress, { size: 8, applicationName: 'p' });
const read = async (text: string, values: readonly string[]) => {
  const rows = (await pool.run({ statements: [{ text, values }], end: 'commit' }))[0] ?? [];
  return process.env['ROWS'] ? rows.map((r) => r[0] ?? '') : (rows[0]?.[0] ?? 'null');
};
for (let r = 0; r < 5; r++) {
  let worst = 0;
  let last = performance.now();
  let worstCpu = 0;
  let lastCpu = process.cpuUsage();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 1);
    last = now;
    const c = process.cpuUsage(lastCpu);
    worstCpu = Math.max(worstCpu, (c.user + c.system) / 1000);
    lastCpu = process.cpuUsage();
  }, 1);
  const t = performance.now();
  const c0 = process.cpuUsage();
  await loadSchema(read as never, { schemas: ['public'], extraSearchPath: ['public'] });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const c = process.cpuUsage(c0);
  console.log(
    'worst cpu ms between ticks',
    worstCpu.toFixed(1),
    'load ms',
    Math.round(performance.now() - t),
    'stall ms',
    worst.toFixed(1),
    'cpu ms',
    ((c.user + c.system) / 1000).toFixed(0),
  );
  clearInterval(timer);
}
await pool.close();
await cluster.stop();
