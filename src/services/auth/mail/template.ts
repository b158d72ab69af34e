import { advance, behindValue, escapeFor, TEXT, type Place } from './escape.ts';

/** What a template may name: `{{ .Email }}`, `{{ .Data.shop.name }}`. */
export type Variables = Readonly<Record<string, unknown>>;

export interface Template {
  /** The page, every value escaped for the place where it lands. A name that is unknown or empty gives nothing. */
  render(variables: Variables): string;
}

/** What is wrong with a template, and in which line. */
export class TemplateError extends Error {
  constructor(message: string, line: number) {
    super(`${message} (line ${line})`);
    this.name = 'TemplateError';
  }
}

/** Variables whose value the server made or checked itself; what users wrote cannot choose the scheme of a link. */
const TRUSTED = new Set(['SiteURL', 'ConfirmationURL', 'RedirectTo']);

/**
 * The part of Go's html/template that mail templates of Supabase projects use: variables, `if`, `else if`, `else`,
 * `end`, `eq`, `ne`, `and`, `or`, `not`, comments, and `-` to swallow blanks. Anything else is an error, so that
 * nobody gets a mail with braces in it.
 *
 * @param as `html` escapes by place; `text` fills in as is, for subjects
 * @throws TemplateError
 */
export function parseTemplate(source: string, as: 'html' | 'text' = 'html'): Template {
  const tokens = tokenize(source);
  const parser = new Parser(tokens, as);
  const nodes = parser.list();
  parser.expectEnd();
  return { render: (variables) => nodes.map((node) => show(node, variables)).join('') };
}

type Expression =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expression[] };

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly of: Expression; readonly escape: (value: string) => string }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly whenTrue: readonly Node[];
      readonly otherwise: readonly Node[];
    };

type Token = { readonly kind: 'text' | 'action'; readonly text: string; readonly line: number };

const FUNCTIONS = {
  eq: ([first, ...others]: readonly unknown[]) => others.some((each) => each === first),
  ne: ([first, second]: readonly unknown[]) => first !== second,
  and: (args: readonly unknown[]) => args.find((each) => !isTrue(each)) ?? args.at(-1),
  or: (args: readonly unknown[]) => args.find((each) => isTrue(each)) ?? args.at(-1),
  not: ([only]: readonly unknown[]) => !isTrue(only),
} as const;
type FunctionName = keyof typeof FUNCTIONS;

function show(node: Node, variables: Variables): string {
  if (node.kind === 'text') return node.text;
  if (node.kind === 'value') return node.escape(inWords(evaluate(node.of, variables)));
  const branch = isTrue(evaluate(node.test, variables)) ? node.whenTrue : node.otherwise;
  return branch.map((each) => show(each, variables)).join('');
}

function evaluate(expression: Expression, variables: Variables): unknown {
  if (expression.kind === 'literal') return expression.value;
  if (expression.kind === 'call')
    return FUNCTIONS[expression.name](expression.args.map((arg) => evaluate(arg, variables)));
  return expression.path.reduce<unknown>(
    // Own properties alone: a name like `constructor` must not reach into JavaScript.
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Variables)[name] : '',
    variables,
  );
}

function isTrue(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

function inWords(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  const push = (kind: Token['kind'], text: string): void => {
    if (text !== '' || kind === 'action') tokens.push({ kind, text, line });
    line += text.split('\n').length - 1;
  };
  let at = 0;
  for (const match of source.matchAll(
    /\{\{(- )?\s*((?:"(?:\\.|[^"\\\n])*"|`[^`]*`|\/\*[\s\S]*?\*\/|(?!\}\})[^"`])*?)\s*( -)?\}\}/g,
  )) {
    const [whole, trimLeft, action = '', trimRight] = match;
    const before = source.slice(at, match.index);
    push('text', trimLeft === undefined ? before : before.trimEnd());
    push('action', action);
    at = match.index + whole.length;
    if (trimRight !== undefined) at += (/^\s*/.exec(source.slice(at))?.[0] ?? '').length;
  }
  push('text', source.slice(at));
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #as: 'html' | 'text';
  #at = 0;
  #place: Place = TEXT;

  constructor(tokens: readonly Token[], as: 'html' | 'text') {
    this.#tokens = tokens;
    this.#as = as;
  }

  /** Nodes up to an `else` or `end` of somebody else, or the end of the text. */
  list(): Node[] {
    const nodes: Node[] = [];
    for (let token = this.#peek(); token && !isBoundary(token); token = this.#peek()) {
      this.#at++;
      const node = token.kind === 'text' ? this.#text(token) : this.#action(token);
      if (node) nodes.push(node);
    }
    return nodes;
  }

  expectEnd(): void {
    const token = this.#peek();
    if (token) throw new TemplateError(`{{ ${token.text} }} without an if`, token.line);
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #text({ text, line }: Token): Node {
    if (text.includes('{{')) throw new TemplateError('{{ that is not closed', line);
    if (this.#as === 'html') this.#place = advance(this.#place, text);
    return { kind: 'text', text };
  }

  #action({ text, line }: Token): Node | undefined {
    if (/^\/\*[\s\S]*\*\/$/.test(text)) return undefined;
    const test = /^if\s+([\s\S]+)$/.exec(text)?.[1];
    if (test !== undefined) return this.#if(test, line);
    return { kind: 'value', of: parseExpression(text, line), escape: this.#escaper(text, line) };
  }

  #escaper(text: string, line: number): (value: string) => string {
    if (this.#as === 'text') return (value) => value;
    const place = this.#place;
    const trusted = TRUSTED.has(text.slice(1));
    try {
      escapeFor(place, '', trusted); // says now what would be wrong later
    } catch (error) {
      throw new TemplateError(error instanceof Error ? error.message : String(error), line);
    }
    this.#place = behindValue(place, 'x');
    return (value) => escapeFor(place, value, trusted);
  }

  #if(test: string, line: number): Node {
    const before = this.#place;
    const whenTrue = this.list();
    const after = this.#place;
    this.#place = before;
    const otherwise = this.#else(line);
    if (JSON.stringify(this.#place) !== JSON.stringify(after)) {
      throw new TemplateError('the branches of an if end in different parts of the page', line);
    }
    return { kind: 'if', test: parseExpression(test, line), whenTrue, otherwise };
  }

  #else(line: number): Node[] {
    const token = this.#peek();
    if (!token) throw new TemplateError('an if without {{ end }}', line);
    this.#at++;
    if (token.text === 'end') return [];
    const more = /^else\s+if\s+([\s\S]+)$/.exec(token.text)?.[1];
    if (more !== undefined) return [this.#if(more, token.line)];
    const nodes = this.list();
    if (this.#peek()?.text !== 'end') throw new TemplateError('an else without {{ end }}', token.line);
    this.#at++;
    return nodes;
  }
}

function isBoundary({ kind, text }: Token): boolean {
  return kind === 'action' && (text === 'end' || text === 'else' || /^else\s+if\s/.test(text));
}

function parseExpression(text: string, line: number): Expression {
  const words = text.match(/"(?:\\.|[^"\\])*"|`[^`]*`|[()]|[^\s()"`]+/g) ?? [];
  const wrong = (): TemplateError => new TemplateError(`{{ ${text} }} is not understood`, line);
  let at = 0;
  const operand = (): Expression => {
    const word = words[at++];
    if (word === '(') {
      const inner = call();
      if (words[at++] !== ')') throw wrong();
      return inner;
    }
    if (word === undefined) throw wrong();
    return simple(word) ?? bail(wrong());
  };
  const call = (): Expression => {
    const name = words[at];
    if (name === undefined || !Object.hasOwn(FUNCTIONS, name)) return operand();
    at++;
    const args: Expression[] = [];
    while (at < words.length && words[at] !== ')') args.push(operand());
    if (args.length === 0) throw wrong();
    return { kind: 'call', name: name as FunctionName, args };
  };
  const whole = call();
  if (at < words.length) throw wrong();
  return whole;
}

function simple(word: string): Expression | undefined {
  if (/^(\.[A-Za-z_]\w*)+$/.test(word)) return { kind: 'field', path: word.slice(1).split('.') };
  if (/^-?\d+(\.\d+)?$/.test(word)) return { kind: 'literal', value: Number(word) };
  if (word === 'true' || word === 'false') return { kind: 'literal', value: word === 'true' };
  if (word.startsWith('`')) return { kind: 'literal', value: word.slice(1, -1) };
  if (word.startsWith('"')) return { kind: 'literal', value: unquote(word) };
  return undefined;
}

function unquote(word: string): string {
  try {
    return String(JSON.parse(word));
  } catch {
    return word.slice(1, -1);
  }
}

function bail(error: Error): never {
  throw error;
}
