import { startRestServer } from '../test/support/rest.ts';
import { SETUP } from './rest-cases.ts';
const server = await startRestServer('', { rest: { workers: 1 } }, async (admin) => {
  await admin.script(SETUP);
  for (let from = 0; from < 2000; from += 100) {
    await admin.script(
      Array.from({ length: 100 }, (_, k) => {
        const n = from + k;
        return `create table t${n} (id int primary key, parent int ${n > 0 ? `references t${n - 1}` : ''}, a text default 'x', b int, c jsonb, d timestamptz default now(), e numeric(10,2), f uuid, g bool, h text[]);`;
      }).join('\n'),
    );
  }
  await admin.script('grant all on all tables in schema public to anon, authenticated');
});
const h = { apikey: server.keys.anonKey };
let worst = 0;
let n = 0;
let stop = false;
const t0 = performance.now();
const loop = async () => {
  while (!stop) {
    const t = performance.now();
    const r = await fetch(`${server.daemon.url}/rest/v1/log?limit=1`, { headers: h });
    await r.text();
    if (r.status !== 200) console.log(r.status);
    worst = Math.max(worst, performance.now() - t);
    n++;
  }
};
await (await fetch(`${server.daemon.url}/rest/v1/log?limit=1`, { headers: h })).text();
console.log('first answer after', Math.round(performance.now() - t0), 'ms');
const l = [loop(), loop()];
await new Promise((r) => setTimeout(r, 3000));
console.log('quiet worst ms', worst.toFixed(1), n);
worst = 0;
n = 0;
for (let k = 0; k < 3; k++) {
  await server.sql(`notify pgrst`);
  await new Promise((r) => setTimeout(r, 2500));
  console.log('reload worst ms', worst.toFixed(1), n);
  worst = 0;
  n = 0;
}
stop = true;
await Promise.all(l);
console.log(
  'rss',
  (await import('node:fs')).readFileSync(`/proc/${server.daemon.process.pid}/status`, 'utf8').match(/VmRSS.*/)?.[0],
);
await server.stop();
