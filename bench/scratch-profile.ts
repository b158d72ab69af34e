import { startRestServer } from '../test/support/rest.ts';
import { CASES, SETUP } from './rest-cases.ts';
import { cpuOf, startLoader, startServer } from './rest-processes.ts';
const only = process.argv[2] ?? 'all';
const seconds = Number(process.argv[3] ?? 3);
const rounds = Number(process.argv[4] ?? 1);
const server = await startRestServer('', { log: { level: (process.env['LOGLEVEL'] ?? 'info') as 'info' } }, (admin) =>
  admin.script(SETUP),
);
const { host, port, database } = server.cluster.address('rest');
const floor = await startServer('rest-floor', { host, port, database });
const loader = startLoader();
const token = server.token({ role: 'authenticated', sub: 'u1', exp: Math.floor(Date.now() / 1000) + 3600 });
const headers = { apikey: server.keys.anonKey, authorization: `Bearer ${token}` };
const ourPort = Number(new URL(server.daemon.url).port);
const pid = server.daemon.process.pid ?? 0;
for (const [at, each] of CASES.entries()) {
  if (only !== 'all' && only !== String(at)) continue;
  for (let round = 0; round <= rounds; round++) {
    const line: Record<string, unknown> = { case: each.name };
    const both = {
      ours: { port: ourPort, style: 'case', prefix: '/rest/v1', headers, pid },
      floor: { port: floor.port, style: 'number', prefix: '', headers: {}, pid: floor.pid },
    } as const;
    for (const who of round % 2 ? (['ours', 'floor'] as const) : (['floor', 'ours'] as const)) {
      const { pid: which, ...job } = both[who];
      const before = cpuOf([which]);
      const load = await loader.run({ at, ...job, connections: 20, seconds: round === 0 ? 1 : seconds });
      const cpu = (cpuOf([which]) - before) / (load.perSecond * (round === 0 ? 1 : seconds));
      line[who] = Math.round(load.perSecond);
      line[`${who}Cpu`] = Math.round(cpu);
      if (load.failures) line[`${who}Failures`] = load.failures;
    }
    line['ratio'] = Number(((line['ours'] as number) / (line['floor'] as number)).toFixed(2));
    if (round > 0) console.log(JSON.stringify(line));
  }
}
loader.stop();
floor.stop();
await server.stop();
