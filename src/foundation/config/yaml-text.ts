import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';

/** Both count from 1, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlText {
  /** Plain values; of a text with a mistake what the parser made of it. */
  readonly value: unknown;
  readonly document: Document;
  /** The first one: those behind it mostly follow from it. Quotes nothing of the text, where a secret may stand. */
  readonly mistake: { readonly reason: string; readonly at: Position } | undefined;
  /** @param offset in UTF-16 units */
  readonly position: (offset: number) => Position;
}

export function readYaml(text: string): YamlText {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const position = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const [first] = document.errors;
  const mistake = first && { reason: inWords(first.code), at: position(first.pos[0]) };
  try {
    return { value: document.toJS() as unknown, document, mistake, position };
  } catch {
    const expanded = { reason: 'an alias that leads nowhere, or too many of them', at: position(0) };
    return { value: undefined, document, mistake: mistake ?? expanded, position };
  }
}

/** Where the name at that path stands, or the last part of the path that is in the text itself. */
export function placeIn({ contents }: Document, path: readonly string[]): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const name of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined;
    if (pair === undefined) break;
    if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

/** `DUPLICATE_KEY` */
function inWords(code: string): string {
  return code.replaceAll('_', ' ').toLowerCase();
}
