import { startRestServer } from '../test/support/rest.ts';
import { CASES, SETUP } from './rest-cases.ts';
import { startServer } from './rest-processes.ts';
const server = await startRestServer('', { rest: { workers: 1 } }, (admin) => admin.script(SETUP));
const a = server.cluster.address('rest', { tcp: true });
const lite = await startServer('rest-lite', {
  directory: '/root/.cache/vectabase/lite',
  url: `postgres://${a.user}:${a.password}@127.0.0.1:${a.port}/rest`,
  secret: server.keys.jwtSecret,
});
const token = server.token({
  role: 'authenticated',
  sub: 'u1',
  aud: 'authenticated',
  exp: Math.floor(Date.now() / 1000) + 3600,
});
for (const each of CASES) {
  const r = await fetch(`http://127.0.0.1:${lite.port}/rest/v1${each.target(1)}`, {
    method: each.method,
    headers: {
      apikey: server.keys.anonKey,
      authorization: `Bearer ${token}`,
      ...(each.body ? { 'content-type': 'application/json' } : {}),
    },
    ...(each.body ? { body: each.body(1) } : {}),
  });
  console.log(each.name, r.status, (await r.text()).slice(0, 200));
}
lite.stop();
await server.stop();
