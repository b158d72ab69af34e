/** The floor: node:http and pg, the statements known beforehand, nothing parsed, nothing checked. One JSON argument. */
import { createServer } from 'node:http';
import pg from 'pg';
import { CASES } from './rest-cases.ts';

const address = JSON.parse(process.argv[2] ?? '{}') as { host: string; port: number; database: string };
const pipelined = { ...address, user: 'authenticator', pipeline: true };
const connect = async (): Promise<pg.Client> => {
  const client = new pg.Client(pipelined);
  await client.connect();
  return client;
};
const clients = await Promise.all(Array.from({ length: 10 }, connect));
const idle = [...clients];
const waiting: Array<(client: pg.Client) => void> = [];
const text = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;
const settings = `select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true)`;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    void (async () => {
      const [, at = '0', n = '0'] = (request.url ?? '').split('/');
      const each = CASES[Number(at)];
      if (!each) throw new Error('no such case');
      const client = idle.pop() ?? (await new Promise<pg.Client>((resolve) => waiting.push(resolve)));
      const values = each.body ? [Buffer.concat(chunks).toString()] : each.values(Number(n));
      const claims = '{"role":"authenticated","sub":"u1"}';
      const [, , rows] = await Promise.all([
        client.query('begin'),
        client.query({ name: 'settings', text: settings, values: ['public', 'authenticated', claims] }),
        client.query<string[]>({ name: `case ${at}`, text: each.sql, values, rowMode: 'array', types: text }),
        client.query('commit'),
      ]);
      const next = waiting.shift();
      if (next) next(client);
      else idle.push(client);
      const body = rows.rows[0]?.[0] ?? '';
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      response.end(body);
    })();
  });
});
server.listen(0, '127.0.0.1', () => {
  const port = (server.address() as { port: number }).port;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.stdin.resume().once('end', () => process.exit(0));
