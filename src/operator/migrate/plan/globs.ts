/** True when `name` (`schema.table`) fits one of the globs; `*` stands for any run of characters, `public` alone for `public.*`. */
export function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => toPattern(glob.includes('.') ? glob : `${glob}.*`).test(name));
}

function toPattern(glob: string): RegExp {
  const escaped = glob.split('*').map((piece) => piece.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`));
  return new RegExp(`^${escaped.join('.*')}$`, 's');
}
