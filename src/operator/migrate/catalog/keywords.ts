/**
 * Words that became keywords after 15 (16: the constructors, 17: the rest) and are quoted from then on, though they
 * may stand bare as a name on every version. Comparisons use the bare form.
 */
const NEW_KEYWORDS = [
  'json',
  'json_array',
  'json_arrayagg',
  'json_exists',
  'json_object',
  'json_objectagg',
  'json_query',
  'json_scalar',
  'json_serialize',
  'json_table',
  'json_value',
  'merge_action',
];
const QUOTED = new RegExp(`"(${NEW_KEYWORDS.join('|')})"`);
/** A text, a dollar-quoted body, another quoted name: all passed over. Then one of the words, quoted. */
const TOKENS = new RegExp(
  `'(?:[^']|'')*'|\\$([A-Za-z_]*)\\$[\\s\\S]*?\\$\\1\\$|"(${NEW_KEYWORDS.join('|')})"|"(?:[^"]|"")*"`,
  'g',
);

/** The same text on every major: quotes that only newer servers put around a name are taken away. */
export function bareKeywords(text: string): string {
  if (!QUOTED.test(text)) return text;
  return text.replaceAll(TOKENS, (token: string, _tag: string | undefined, word: string | undefined) => word ?? token);
}
