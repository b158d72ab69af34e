/**
 * The members of an object, or the items of an array, as they are written: a number of twenty digits stays one, where
 * JSON.parse would round it. Of a key that comes twice the last one counts.
 *
 * @param text valid JSON of an object or an array; what JSON.parse refuses must not come here
 */
export function rawMembers(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = next(text, 0) + 1;
  for (at = next(text, at); text[at] !== '}'; at = afterComma(text, at)) {
    const end = endOfString(text, at);
    const key = JSON.parse(text.slice(at, end)) as string;
    const start = next(text, next(text, end) + 1);
    at = endOfValue(text, start);
    members.set(key, text.slice(start, at));
  }
  return members;
}

export function rawItems(text: string): string[] {
  const items: string[] = [];
  let at = next(text, 0) + 1;
  for (at = next(text, at); text[at] !== ']'; at = afterComma(text, at)) {
    const start = at;
    at = endOfValue(text, start);
    items.push(text.slice(start, at));
  }
  return items;
}

/** An object of members as they are written. */
export function writeMembers(members: Iterable<readonly [key: string, value: string]>): string {
  return `{${[...members].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

/** The first character at or after `at` that is no blank. */
function next(text: string, at: number): number {
  let position = at;
  while (isBlank(text[position])) position++;
  return position;
}

function afterComma(text: string, at: number): number {
  const position = next(text, at);
  return text[position] === ',' ? next(text, position + 1) : position;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  for (;;) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at);
    else if (character === undefined || (depth === 0 && (isBlank(character) || isEnd(character)))) return at;
    else {
      if (character === '{' || character === '[') depth++;
      if (character === '}' || character === ']') depth--;
      at++;
    }
    const last = text[at - 1];
    if (depth === 0 && (last === '"' || last === ']' || last === '}')) return at;
  }
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}

function isEnd(character: string): boolean {
  return character === ',' || character === ']' || character === '}';
}
