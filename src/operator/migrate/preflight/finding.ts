/** One thing that the preflight found. */
export interface Finding {
  /** Stable name, e.g. `row-security`. */
  readonly id: string;
  /** A blocker stops the run before a byte moves; a warning is worth reading; a note explains. */
  readonly level: 'blocker' | 'warning' | 'note';
  readonly what: string;
  /** What to do, with the command or statement where there is one. */
  readonly fix: string | null;
}

export function blocker(id: string, what: string, fix: string | null): Finding {
  return { id, level: 'blocker', what, fix };
}

export function warning(id: string, what: string, fix: string | null): Finding {
  return { id, level: 'warning', what, fix };
}

export function note(id: string, what: string): Finding {
  return { id, level: 'note', what, fix: null };
}

/** `a, b, c, d, e and 3 more` */
export function list(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

/** `1 user has`, `12 users have`; the verb may be left out. */
export function count(number: number, noun: string, one = '', many = one): string {
  const verb = number === 1 ? one : many;
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}${verb === '' ? '' : ` ${verb}`}`;
}

export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2).toLocaleString('en')} MiB`;
}

/** 170006 → 17 */
export function major(version: number): number {
  return Math.floor(version / 10000);
}
