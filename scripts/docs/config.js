import { GENERATED, table } from './markdown.js';

/** One table a section of `vectabase.yml`, from the definitions that also check the file. */
export function configPage({ describeSettings, OTHER_VARIABLES, SETTINGS_FILE }) {
  const settings = describeSettings();
  const sections = [...new Set(settings.map(({ key }) => key.split('.')[0]))];
  return [
    '# Configuration',
    '',
    GENERATED,
    '',
    `Read from \`${SETTINGS_FILE}\` in the directory of the installation. Of defaults, file, environment and flags the last one`,
    'that speaks wins. An unknown key is an error that names its path. What is in force, and why:',
    '',
    '```sh',
    'vectabase config show --sources',
    '```',
    '',
    ...sections.flatMap((section) => [
      `## ${section}`,
      '',
      ...table(
        ['key', 'variable', 'accepts', 'default', 'what it is'],
        settings.filter(({ key }) => key.startsWith(`${section}.`)).map(row),
      ),
      '',
    ]),
    '## Other variables',
    '',
    ...table(
      ['variable', 'what it is'],
      Object.entries(OTHER_VARIABLES).map(([name, doc]) => [`\`${name}\``, doc]),
    ),
    '',
  ].join('\n');
}

function row({ key, variable, accepts, initial, doc, secret }) {
  const value = initial === undefined || secret ? '' : `\`${JSON.stringify(initial)}\``;
  return [`\`${key}\``, `\`${variable}\``, accepts, value, secret ? `${doc} Secret.` : doc];
}
