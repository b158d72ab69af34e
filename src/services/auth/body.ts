import { nestsDeeper } from '../../foundation/core/json-depth.ts';
import { AuthError } from './errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Levels of nesting: far above what metadata needs, far below what overflows a stack. */
const MAX_DEPTH = 64;

/** @throws AuthError bad_json */
export function parseBody(body: Buffer): JsonObject {
  if (body.length === 0) return {};
  const value = parse(body);
  if (value === null) return {};
  if (!isObject(value)) throw bad('Could not parse request body as JSON: an object is expected');
  check(value);
  return value;
}

function parse(body: Buffer): unknown {
  if (nestsDeeper(body.toString('latin1'), MAX_DEPTH)) throw bad(`JSON is nested deeper than ${MAX_DEPTH} levels`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw bad('Could not parse request body as JSON', cause);
  }
}

/** Text, or undefined when it is absent or null. */
export function text(body: JsonObject, name: string): string | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw wrongType(name, 'a string');
}

export function flag(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw wrongType(name, 'true or false');
}

/** An object, or undefined when it is absent or null. */
export function object(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || isObject(value)) return value;
  throw wrongType(name, 'an object');
}

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Postgres keeps no NUL in text or jsonb, and lone surrogates are no Unicode. */
function check(value: unknown): void {
  if (typeof value === 'string') checkText(value);
  else if (Array.isArray(value)) for (const item of value) check(item);
  else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) {
      checkText(name);
      check(item);
    }
  }
}

function checkText(value: string): void {
  if (value.includes('\0')) throw bad('Text may not hold the character U+0000');
  if (/\p{Surrogate}/u.test(value)) throw bad('Text is not well-formed Unicode');
}

function wrongType(name: string, wanted: string): AuthError {
  return bad(`${name} must be ${wanted}`);
}

function bad(message: string, cause?: unknown): AuthError {
  return new AuthError('bad_json', message, { cause });
}
