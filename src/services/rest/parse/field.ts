import type { FieldRef, JsonStep } from './ast.ts';
import type { Cursor } from './cursor.ts';

/** `name`, `name->key->>0`. */
export function parseField(cursor: Cursor): FieldRef {
  cursor.spaces();
  const name = cursor.name();
  return { name, path: parseJsonPath(cursor) };
}

export function parseJsonPath(cursor: Cursor): JsonStep[] {
  const path: JsonStep[] = [];
  while (cursor.peek('->')) {
    cursor.take('->');
    const asText = cursor.take('>');
    const index = cursor.match(INDEX);
    path.push({ asText, key: index === undefined ? cursor.jsonKey() : Number(index) });
  }
  return path;
}

/** Digits that stand alone; `->1a` is a key. */
const INDEX = /-?\d{1,9}(?=$|->|::|[.,):])/y;
