/** @supabase/lite on the same Postgres, from a directory that `restLite` installed it into. One JSON argument. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

interface Argument {
  readonly directory: string;
  readonly url: string;
  readonly secret: string;
}
type Handler = (request: Request) => Promise<Response>;

const { directory, url, secret } = JSON.parse(process.argv[2] ?? '{}') as Argument;
const require = createRequire(path.join(directory, 'package.json'));
const load = async (name: string): Promise<Record<string, never>> =>
  (await import(pathToFileURL(entryOf(name)).href)) as Record<string, never>;
const { App } = (await load('@supabase/lite')) as unknown as {
  App: new (config: object) => { init(): Promise<unknown>; fetch: Handler };
};
const { createConnection, createPostgresConnection } = (await load('@supabase/lite/postgres')) as unknown as Record<
  string,
  (config: object) => unknown
>;
const connect = createConnection ?? createPostgresConnection;
const connection = await connect?.({ url, postgresOptions: { max: 10 } });
const app = new App({
  connection,
  auth: { enabled: false, jwt_secret: secret },
  options: { server: { apiKeys: false } },
});
await app.init();
const { serve } = (await load('@hono/node-server')) as unknown as {
  serve: (options: object, listening: (info: { port: number }) => void) => void;
};
serve({ port: 0, hostname: '127.0.0.1', fetch: async (request: Request) => app.fetch(request) }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.stdin.resume().once('end', () => process.exit(0));

/** Its packages are for import alone, which `require.resolve` refuses. */
function entryOf(name: string): string {
  const [, scope = '', own = '', below] = /^(@[^/]+)\/([^/]+)(?:\/(.+))?$/.exec(name) ?? [];
  const root = path.join(directory, 'node_modules', scope, own);
  const { exports } = require(path.join(root, 'package.json')) as { exports: Record<string, Entry> };
  const entry = exports[below === undefined ? '.' : `./${below}`];
  return path.join(root, typeof entry === 'string' ? entry : fileOf(entry?.import ?? entry?.default ?? ''));
}

type Entry = string | { readonly import?: Entry; readonly default?: Entry };

function fileOf(entry: Entry): string {
  return typeof entry === 'string' ? entry : fileOf(entry.default ?? entry.import ?? '');
}
