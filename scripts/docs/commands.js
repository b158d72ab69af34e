import { GENERATED, table } from './markdown.js';

/** Flags that every command takes are told once. */
const SHARED = ['dir', 'json', 'no-input'];

/** From oclif's manifest: what `--help` says, on one page. */
export function commandsPage(manifest, exitCodes) {
  const commands = Object.values(manifest.commands)
    .filter(({ hidden }) => !hidden)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return [
    '# Commands',
    '',
    GENERATED,
    '',
    ...table(
      ['command', 'what it does'],
      commands.map((command) => [`[\`${nameOf(command)}\`](#${anchorOf(command)})`, plain(command.summary)]),
    ),
    '',
    '## Every command',
    '',
    ...table(['flag', 'what it does'], sharedFlags(commands).map(flagRow)),
    '',
    'stdout carries the result and nothing else; what is said to a person goes to stderr. No colours and no animation',
    'without a terminal or with `NO_COLOR` set. Exit codes, with and without `--json`:',
    '',
    ...table(['exit code', 'meaning'], exitCodes),
    '',
    ...commands.flatMap(section),
  ].join('\n');
}

function section(command) {
  const flags = Object.values(command.flags).filter(({ name, hidden }) => !SHARED.includes(name) && !hidden);
  const args = Object.values(command.args ?? {});
  const parts = [`## ${nameOf(command)}`, '', sentence(plain(command.summary)), ''];
  if (command.description) parts.push(plain(command.description), '');
  if (args.length > 0) {
    const rows = args.map(({ name, required, description }) => [
      `\`${name.toUpperCase()}\`${required ? '' : ' (optional)'}`,
      plain(description),
    ]);
    parts.push(...table(['argument', 'what it is'], rows), '');
  }
  if (flags.length > 0) parts.push(...table(['flag', 'what it does'], flags.map(flagRow)), '');
  const examples = (command.examples ?? []).map((each) => exampleOf(each, command));
  if (examples.length > 0) parts.push('```sh', ...examples, '```', '');
  return parts;
}

function flagRow(flag) {
  const value = flag.type === 'option' ? `=${flag.options?.join('|') ?? flag.helpValue ?? 'VALUE'}` : '';
  const notes = [
    flag.required ? 'required' : '',
    flag.multiple ? 'may be repeated' : '',
    flag.default === undefined || flag.default === false ? '' : `default \`${flag.default}\``,
    flag.env ? `also \`${flag.env}\`` : '',
  ].filter(Boolean);
  const name = `${flag.char ? `-${flag.char}, ` : ''}--${flag.allowNo ? '[no-]' : ''}${flag.name}${value}`;
  const text = plain(flag.summary ?? flag.description);
  return [`\`${name}\``, notes.length > 0 ? `${text} (${notes.join(', ')})` : text];
}

function sharedFlags(commands) {
  return SHARED.flatMap((name) => commands.map(({ flags }) => flags[name]).find(Boolean) ?? []);
}

function exampleOf(example, command) {
  if (typeof example === 'string') return fill(example, command);
  return `${example.description ? `# ${example.description}\n` : ''}${fill(example.command, command)}`;
}

function fill(text, command) {
  return text
    .replaceAll(/<%= *config\.bin *%>/g, 'vectabase')
    .replaceAll(/<%= *command\.id *%>/g, command.id.replaceAll(':', ' '))
    .replaceAll(/^\$ /gm, '');
}

const nameOf = ({ id }) => `vectabase ${id.replaceAll(':', ' ')}`;
const anchorOf = (command) => nameOf(command).replaceAll(' ', '-');
const plain = (text) => (text ?? '').trim();
const sentence = (text) => (text === '' ? '' : `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`);
