/** `1,204,331`. */
export function whole(number: number): string {
  return number.toLocaleString('en');
}

/** `1 table`, `12 tables`, `2 foreign keys`, `3 indexes`, `2 policies`, `2 default privileges`. */
export function count(number: number, noun: string): string {
  return `${whole(number)} ${number === 1 ? noun : plural(noun)}`;
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `812 B`, `48.2 MiB`: units of 1024, as the sizes on the command line are. */
export function bytes(number: number): string {
  if (number < 1024) return `${whole(number)} B`;
  let value = number;
  let unit = '';
  for (const next of UNITS) {
    // 1023.96 would be shown as 1,024.0: the next unit says it better.
    if (Number(value.toFixed(1)) < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
}

/** `0.4 s`, `41 s`, `3 min 20 s`, `2 h 5 min`; a dash for what was not measured. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds > 0 && seconds < 0.05) return '<0.1 s';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const all = Math.round(seconds);
  if (all < 60) return `${all} s`;
  if (all < 3600) return pair(Math.floor(all / 60), 'min', all % 60, 's');
  const minutes = Math.round(all / 60);
  return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

/** `2026-11-01 10:00:12 UTC` of an ISO or a Postgres timestamp; the text itself where it is neither. */
export function instant(text: string): string {
  const date = toDate(text);
  return date === null ? text : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Reads `2026-11-01 10:00:12.5+00` too, which is no ISO date. */
function toDate(text: string): Date | null {
  const iso = text.replace(/^(\d{4}-\d\d-\d\d) /, '$1T').replace(/([+-]\d\d)$/, '$1:00');
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? null : date;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function plural(noun: string): string {
  if (noun.endsWith('privileges')) return noun;
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`;
}
