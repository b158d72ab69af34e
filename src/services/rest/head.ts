import { badRequest } from './errors.ts';
import { Lru } from './lru.ts';
import type { RestRequest } from './message.ts';
import type { RestOptions } from './options.ts';
import { chooseMedia, JSON_ARRAY, type Media } from './parse/media.ts';
import { parsePrefer, type Preferences } from './parse/prefer.ts';
import type { Pair } from './parse/query.ts';
import { findHandler } from './plan/find-handler.ts';
import type { PlanContext } from './plan/read.ts';
import { shapeOf } from './plan/shape.ts';
import type { QualifiedName, SchemaCache } from './schema/model.ts';

export type Target = { readonly kind: 'root' } | { readonly kind: 'relation' | 'routine'; readonly name: string };

/** All that a request says but who asks, the values that it compares with, and its body. */
export interface Head {
  readonly target: Target;
  readonly cache: SchemaCache;
  readonly options: RestOptions;
  readonly schema: string;
  /** Set when the client chose the schema by a profile header; the answer names it then. */
  readonly profileHeader: ReadonlyArray<readonly [string, string]>;
  readonly preferences: Preferences;
  /** With marks where values stood. */
  readonly pairs: readonly Pair[];
  /** What is answered about a relation or a function. */
  readonly mediaOf: (target: QualifiedName) => Media;
  readonly media: Media;
  readonly plan: PlanContext;
  /** What `make` made for this head and this key before, as long as it is remembered. */
  readonly once: <T>(key: string, make: () => T) => T;
}

export interface ReadHead {
  readonly head: Head;
  readonly values: readonly string[];
}

/** Heads, and what is compiled for them: some kilobytes each. */
const REMEMBERED = 1_000;

/**
 * Reads what a request asks for. Parsing and planning cost more than all the rest, and clients ask the same few things
 * with other values.
 */
export function makeHeadReader(own: RestOptions): (request: RestRequest, cache: SchemaCache) => ReadHead {
  const heads = new Lru<Head>(REMEMBERED);
  const compiled = new Lru<unknown>(REMEMBERED);
  let next = 0;
  return (request, cache) => {
    const { method, path, query, headers } = request;
    // A function may stand at the root, too.
    const isCall = path.startsWith('/rpc/') || path === '/';
    const { key: shape, values, pairs } = shapeOf(query, !isCall);
    // A call by GET has its arguments there, which are never the same.
    const memorable = !isCall || method === 'POST';
    const key = memorable
      ? [cache.version, method, path, shape, ...HEADERS.map((name) => headers[name])].join('\n')
      : '';
    const known = memorable ? heads.get(key) : undefined;
    if (known) return { head: known, values };
    const id = next++;
    const head = understand(request, pairs(), cache, own, (about, make) => {
      const name = `${id} ${about}`;
      let made = compiled.get(name);
      if (made === undefined) compiled.set(name, (made = make()));
      return made as ReturnType<typeof make>;
    });
    if (memorable) heads.set(key, head);
    return { head, values };
  };
}

/** Those that change what is asked for. */
const HEADERS = ['accept', 'prefer', 'range', 'accept-profile', 'content-profile', 'content-type'] as const;

function understand(
  request: RestRequest,
  pairs: readonly Pair[],
  cache: SchemaCache,
  own: RestOptions,
  once: Head['once'],
): Head {
  const options = { ...own, ...cache.overrides };
  const target = parseTarget(request.path, options.rootSpec);
  const { schema, profileHeader } = chooseSchema(request, options);
  if (target.kind !== 'routine' && !METHODS.has(request.method)) throw badRequest.method(request.method);
  const root = target.kind === 'root';
  // Nothing that is kept may hold the request, and with it its body.
  const { accept } = request.headers;
  const { planEnabled } = options;
  const mediaOf = (owner: QualifiedName): Media =>
    chooseMedia(accept, {
      planEnabled,
      root,
      handlerOf: (type) => findHandler(cache, owner, type, pairs),
    });
  const simple = target.kind === 'routine' || request.method === 'OPTIONS';
  return {
    target,
    cache,
    options,
    schema,
    profileHeader,
    preferences: parsePrefer(
      request.method === 'OPTIONS' ? undefined : request.headers['prefer'],
      options.txEnd.endsWith('allow-override'),
    ),
    pairs,
    mediaOf,
    media: simple ? JSON_ARRAY : mediaOf({ schema, name: root ? '' : target.name }),
    plan: {
      cache,
      maxRows: options.maxRows === 0 ? undefined : options.maxRows,
      aggregatesEnabled: options.aggregatesEnabled,
    },
    once,
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);

/** @throws RestError PGRST125 */
function parseTarget(path: string, rootSpec: string | undefined): Target {
  const [first, second, ...more] = path.split('/').filter((part) => part !== '');
  if (first === undefined) {
    return rootSpec === undefined ? { kind: 'root' } : { kind: 'routine', name: rootSpec.split('.').at(-1) ?? '' };
  }
  if (second === undefined) return { kind: 'relation', name: decodeSegment(first) };
  if (first === 'rpc' && more.length === 0) {
    return { kind: 'routine', name: decodeSegment(second) };
  }
  throw badRequest.path();
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest.path();
  }
}

/** Accept-Profile for reads, Content-Profile for the rest. */
function chooseSchema(request: RestRequest, { schemas }: RestOptions) {
  const writes = ['POST', 'PATCH', 'PUT', 'DELETE'].includes(request.method);
  const wanted = request.headers[writes ? 'content-profile' : 'accept-profile'];
  const schema = wanted ?? schemas[0] ?? 'public';
  if (!schemas.includes(schema)) throw badRequest.schema(schema, schemas);
  const profileHeader = schemas.length > 1 || wanted !== undefined ? [['Content-Profile', schema] as const] : [];
  return { schema, profileHeader };
}
