import type { SourceFile } from './scan.ts';

/** One broken rule, as `path: what is wrong`. */
export type Violation = `${string}: ${string}`;
type Rule = (file: SourceFile, all: ReadonlyMap<string, SourceFile>) => string[];

/** Every rule of docs/architecture.md, applied to every file. */
export function findViolations(files: readonly SourceFile[]): Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const rules: Rule[] = [limits, ...[rooms, packages, globals, definitions, startUp, args].map(onlySrc)];
  return files.flatMap((file) =>
    rules.flatMap((rule) => rule(file, byPath).map((text): Violation => `${file.path}: ${text}`)),
  );
}

const onlySrc =
  (rule: Rule): Rule =>
  (file, all) =>
    file.path.startsWith('src/') ? rule(file, all) : [];

/** A file decides one thing. Data (fixtures, the error catalogue's kind) may reach the hard limit, code should not. */
const MAX_LINES = 500;

function limits({ path, lines }: SourceFile): string[] {
  const found: string[] = [];
  if (lines > MAX_LINES) found.push(`${lines} lines; the limit is ${MAX_LINES}`);
  if (!path.startsWith('src/')) return found;
  if (/(^|\/)index\.ts$/.test(path)) found.push('index.ts barrels hide what is imported: import the file itself');
  // src/<wing>/<room>/<part>/<file>; the steps of an installation are a room of their own size
  const levels = path.startsWith('src/operator/provision/install/') ? 6 : 5;
  if (path.split('/').length > levels) found.push('more than two levels below its wing');
  return found;
}

/** The room table. `self` is the same room: a command may not import a command, a service not its neighbour. */
const ROOMS: Record<string, readonly string[]> = {
  commands: ['cli', 'operator', 'foundation'],
  cli: ['self', 'foundation/core', 'foundation/config'],
  daemon: ['self', 'services', 'operator/backup', 'operator/doctor', 'operator/secrets', 'foundation'],
  operator: ['self', 'foundation'],
  services: ['self', 'foundation'],
  foundation: ['self'],
};

/** Foundation rooms look downward only: a room may import those of a lower number, and itself. */
const FOUNDATION_LEVEL: Record<string, number> = {
  core: 0,
  config: 1,
  process: 2,
  crypto: 2,
  postgres: 3,
  encryption: 4,
  objects: 4,
  volume: 3,
};

function rooms(file: SourceFile): string[] {
  const from = roomOf(file.path);
  const allowed = ROOMS[from.wing];
  if (allowed === undefined) return [`src/${from.wing} is no room of the house`];
  return file.imports
    .filter((each) => each.relative)
    .flatMap(({ target }) => {
      if (!target.startsWith('src/')) return [`imports ${target}, outside src/`];
      const to = roomOf(target);
      const self = allowed.includes('self') && to.name === from.name;
      const open = allowed.includes(to.wing) || allowed.includes(to.name);
      if (!(self || open || looksDown(from, to))) return [`${from.name} may not import ${target}`];
      return [];
    });
}

interface Room {
  readonly wing: string;
  /** `foundation/core`, `operator/migrate`, `cli`: cli, commands and daemon are one room each. */
  readonly name: string;
}

function roomOf(path: string): Room {
  const [, wing = '', room = ''] = path.split('/');
  const divided = ['foundation', 'operator', 'services'].includes(wing);
  return { wing, name: divided ? `${wing}/${room}` : wing };
}

function looksDown(from: Room, to: Room): boolean {
  if (from.wing !== 'foundation' || to.wing !== 'foundation') return false;
  const level = (room: Room): number | undefined => FOUNDATION_LEVEL[room.name.slice('foundation/'.length)];
  const [above, below] = [level(from), level(to)];
  return above !== undefined && below !== undefined && below < above;
}

/** Which room owns which package. The first match decides; a package that is not listed may be used anywhere. */
const PACKAGE_FENCES: ReadonlyArray<readonly [name: RegExp, rooms: readonly string[]]> = [
  [/^(@oclif\/|listr2$|@inquirer\/|inquirer$)/, ['src/commands/', 'src/cli/']],
  [/^(express|helmet|ws|pino)(\/|$)/, ['src/daemon/']],
  [/^(pg|pg-.*|postgres)(\/|$)/, ['src/foundation/postgres/']],
  [/^(execa|(node:)?child_process)(\/|$)/, ['src/foundation/process/']],
  [/^(age-encryption|@peculiar\/x509)(\/|$)/, ['src/foundation/crypto/']],
  [/^(s3mini|ssh2-sftp-client)(\/|$)/, ['src/foundation/objects/']],
  [/^(node:)?process$/, []],
];

function packages({ path, imports }: SourceFile): string[] {
  return imports.flatMap(({ target, relative }) => {
    const fence = relative ? undefined : PACKAGE_FENCES.find(([name]) => name.test(target));
    if (fence === undefined || isBelow(path, fence[1])) return [];
    return [`imports ${target}, which belongs to ${fence[1].join(' and ') || 'no room: use the global process'}`];
  });
}

/** What is reached without an import. */
const GLOBAL_FENCES: ReadonlyArray<readonly [use: RegExp, name: string, rooms: readonly string[]]> = [
  [/\bprocess\??\.env\b|\benv\b[^;={}]*\}\s*=\s*process\b/, 'process.env', ['src/foundation/config/']],
  [/\bprocess\.(exit|abort|reallyExit|exitCode)\b/, 'process.exit', ['src/daemon/']],
  [/\bprocess\.(stdin|stdout|stderr)\b/, 'the terminal', ['src/cli/', 'src/commands/', 'src/daemon/']],
  [/\bconsole\s*\./, 'console', []],
  [/\bcreate(Cipheriv|Decipheriv)\b|\bpbkdf2(Sync)?\b|\bscrypt(Sync)?\b/, 'a cipher', ['src/foundation/crypto/']],
  // A specifier that is not a literal cannot be checked: only the finder of the platform's Postgres package needs one.
  [/\bimport\(\s*[^'"\s)]/, 'import() of an expression', ['src/foundation/postgres/', 'src/foundation/process/']],
];

function globals({ path, code }: SourceFile): string[] {
  return GLOBAL_FENCES.filter(([use, , places]) => use.test(code) && !isBelow(path, places)).map(
    ([, name, places]) => `uses ${name}, which belongs to ${places.join(' and ') || 'no room'}`,
  );
}

/**
 * Objects of ours are defined in `templates/sql/`, where psql and a reviewer can read them. The mover writes the
 * definitions of other people's objects, from their catalogue: it alone composes DDL.
 */
const DDL =
  /\b(create|alter|drop)\s+(or\s+replace\s+)?(unique\s+|temp(orary)?\s+|unlogged\s+|materialized\s+|event\s+)*(table|schema|role|user|function|procedure|policy|trigger|index|type|domain|view|extension|publication|subscription|sequence|aggregate)\b/i;
const DDL_PLACES = [
  'src/operator/migrate/',
  'src/operator/demo/standin/', // plays the project of somebody else
  'src/operator/demo/source.ts', // and its login
  'src/operator/database/', // indexes on the owner's tables
  'src/operator/audit/', // fixes to the owner's policies and grants
  'src/operator/doctor/checks/', // commands that it names, and never runs
  'src/operator/backup/restore/table.ts', // a table that comes back under a name of its own
  'src/operator/backup/restore/proof.ts', // amcheck, in a copy that is thrown away
  'src/foundation/postgres/templates.ts', // the table that remembers which templates were applied
];

function definitions({ path, code }: SourceFile): string[] {
  const match = isBelow(path, DDL_PLACES) ? null : stringsOf(code).match(DDL);
  return match === null ? [] : [`composes SQL ("${match[0]}"); definitions live in templates/sql/`];
}

/** oclif would take what is piped in, a secret maybe, for an argument that was left out. */
function args({ code }: SourceFile): string[] {
  return /\bArgs\.\w+\((?!\{\s*ignoreStdin: true)/.test(code)
    ? ['an argument without ignoreStdin: true, first of its options']
    : [];
}

function stringsOf(code: string): string {
  return [...code.matchAll(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g)].join('\n');
}

/**
 * `vectabase --help` must stay light, so nothing that a command imports statically may load these. A command imports
 * its job inside `run()`: `const { migrate } = await import('../operator/migrate/run.ts')`; `import type` is free.
 */
const HEAVY =
  /^(pg|pg-.*|express|helmet|pino|ws|execa|listr2|@inquirer\/.*|jsonwebtoken|@peculiar\/x509|zod|yaml|s3mini|ssh2-sftp-client)(\/|$)/;

function startUp(file: SourceFile, all: ReadonlyMap<string, SourceFile>): string[] {
  const entry = file.path.startsWith('src/commands/') || file.path === 'src/cli/main.ts';
  const chain = entry ? pathToHeavy(file, all, new Set()) : undefined;
  return chain === undefined ? [] : [`loads ${chain.join(' → ')} at start-up; use import() inside run()`];
}

function pathToHeavy(file: SourceFile, all: ReadonlyMap<string, SourceFile>, seen: Set<string>): string[] | undefined {
  for (const { target, relative, kind } of file.imports) {
    if (kind !== 'static' || seen.has(target)) continue;
    seen.add(target);
    if (!relative && HEAVY.test(target)) return [target];
    const next = all.get(target);
    const rest = next === undefined ? undefined : pathToHeavy(next, all, seen);
    if (rest !== undefined) return [target, ...rest];
  }
  return undefined;
}

function isBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path.startsWith(place));
}
