import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One `import`, `export … from` or `import()` of a source file. */
export interface Import {
  /** What is named: a package (`pg`, `@oclif/core`, `node:fs`) or a path from the repository's root (`src/cli/main.ts`). */
  readonly target: string;
  readonly relative: boolean;
  /** `import type` and type queries are erased by the compiler: they load nothing, but a room may still not know them. */
  readonly kind: 'static' | 'dynamic' | 'type';
}

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly lines: number;
  /** The text without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** Reads every file below `directories` with one of the endings. */
export function scanTree(root: string, directories: readonly string[], endings = ['.ts', '.js']): SourceFile[] {
  return directories.flatMap((directory) =>
    listFiles(root, directory)
      .filter((file) => endings.some((ending) => file.endsWith(ending)))
      .map((file) => scanText(file, readFileSync(path.join(root, file), 'utf8'))),
  );
}

export function scanText(file: string, text: string): SourceFile {
  const code = withoutComments(text);
  return { path: file, lines: text.trimEnd().split('\n').length, code, imports: importsOf(file, code) };
}

const FROM = /^[ \t]*(?:import|export)\s+(type\s)?[^'"`;]*?\bfrom\s*(['"])([^'"]+)\2/gm;
const BARE = /^[ \t]*import\s*(['"])([^'"]+)\1/gm;
const DYNAMIC = /(typeof\s+)?\bimport\(\s*(['"`])([^'"`$]+)\2\s*\)(\.[A-Z])?/g;
const REQUIRE = /\brequire\(\s*(['"])([^'"]+)\1\s*\)/g;

function importsOf(file: string, code: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: string | undefined, kind: Import['kind']): void => {
    if (specifier === undefined) return;
    const relative = specifier.startsWith('.');
    found.push({ target: relative ? path.posix.join(path.posix.dirname(file), specifier) : specifier, relative, kind });
  };
  for (const match of code.matchAll(FROM)) add(match[3], match[1] === undefined ? 'static' : 'type');
  for (const match of code.matchAll(BARE)) add(match[2], 'static');
  for (const match of code.matchAll(REQUIRE)) add(match[2], 'static');
  for (const match of code.matchAll(DYNAMIC)) add(match[3], (match[1] ?? match[4]) ? 'type' : 'dynamic');
  return found;
}

/** Strings are matched first, so that `'https://…'` is not taken for a comment. Line breaks stay, for the `^` above. */
function withoutComments(text: string): string {
  const token = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (comment, string: string | undefined) => string ?? comment.replace(/[^\n]/g, ''));
}

function listFiles(root: string, directory: string): string[] {
  let entries;
  try {
    entries = readdirSync(path.join(root, directory), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const file = path.posix.join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : listFiles(root, file);
    return [file];
  });
}
