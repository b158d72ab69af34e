import { badRequest } from '../errors.ts';

export interface Preferences {
  readonly resolution?: 'merge-duplicates' | 'ignore-duplicates';
  readonly missing?: 'default' | 'null';
  readonly return?: 'representation' | 'minimal' | 'headers-only';
  readonly count?: 'exact' | 'planned' | 'estimated';
  readonly tx?: 'commit' | 'rollback';
  readonly handling?: 'strict' | 'lenient';
  readonly timezone?: string;
  readonly 'max-affected'?: string;
}

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  resolution: ['merge-duplicates', 'ignore-duplicates'],
  missing: ['default', 'null'],
  return: ['representation', 'minimal', 'headers-only'],
  count: ['exact', 'planned', 'estimated'],
  tx: ['commit', 'rollback'],
  handling: ['strict', 'lenient'],
};
/** The order in which Preference-Applied tells them. */
const ORDER = ['resolution', 'missing', 'return', 'count', 'tx', 'handling', 'timezone', 'max-affected'] as const;

/**
 * Reads Prefer. The first valid word of a kind wins. Postgres knows what is a time zone.
 *
 * @param mayChooseEnd whether clients may say how their transaction ends
 * @throws RestError PGRST122 when the words ask for strictness and some mean nothing
 */
export function parsePrefer(header: string | undefined, mayChooseEnd: boolean): Preferences {
  if (header === undefined) return {};
  const found: Record<string, string> = {};
  const invalid: string[] = [];
  for (const word of header.split(',').map((each) => each.trim())) {
    if (word === '') continue;
    const [name = '', value = ''] = word.split('=', 2).map((each) => each.trim());
    if (!isValid(name, value)) invalid.push(word);
    else if (name !== 'tx' || mayChooseEnd) found[name] ??= value;
  }
  if (found['handling'] === 'strict' && invalid.length > 0) throw badRequest.preferences(invalid);
  return found;
}

/** The header of an answer, from what was honoured. */
export function preferenceApplied(preferences: Preferences): string | undefined {
  const obeyed = (name: (typeof ORDER)[number]): boolean =>
    preferences[name] !== undefined && (name !== 'max-affected' || preferences.handling === 'strict');
  const words = ORDER.filter(obeyed).map((name) => `${name}=${preferences[name]}`);
  return words.length === 0 ? undefined : words.join(', ');
}

function isValid(name: string, value: string): boolean {
  if (name === 'timezone') return value !== '';
  if (name === 'max-affected') return /^\d{1,15}$/.test(value);
  return Object.hasOwn(CHOICES, name) && (CHOICES[name]?.includes(value) ?? false);
}
