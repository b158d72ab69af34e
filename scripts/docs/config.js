import { GENERATED } from './markdown.js';

/** The settings and their variables, from `foundation/config/settings`. */
export function configPage({ describeSettings, OTHER_VARIABLES }) {
  const settings = describeSettings().map(({ key, variable, initial, accepts, doc, secret }) =>
    row(`\`${key}\``, `\`${variable}\``, secret ? 'secret' : shown(initial), accepts, doc),
  );
  const others = Object.entries(OTHER_VARIABLES).map(([variable, doc]) => row(`\`${variable}\``, doc));
  return [
    '# Configuration',
    '',
    GENERATED,
    '',
    'Defaults, then `vectabase.yml` in the directory of the installation, then `VECTABASE_*` variables, then flags: the last one that speaks wins. A key or variable that is not listed here is refused. `vectabase config show --sources` prints what is in force and where it came from; secrets only as set or unset. `templates/vectabase.yml` is a commented example.',
    '',
    row('Setting', 'Variable', 'Default', 'Accepts', 'Meaning'),
    row('---', '---', '---', '---', '---'),
    ...settings,
    '',
    '## Other variables',
    '',
    row('Variable', 'Meaning'),
    row('---', '---'),
    ...others,
    '',
  ].join('\n');
}

function row(...cells) {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function shown(value) {
  if (value === undefined) return 'unset';
  return `\`${Array.isArray(value) ? value.join(', ') : value}\``;
}
