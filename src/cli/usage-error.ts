import { VectabaseError } from '../foundation/core/errors.ts';

/**
 * Turns what oclif's parser throws into USAGE errors that repeat no value.
 *
 * The parser's own messages quote what was typed: `--source=postgres://user:password@…` after a typing error in a flag's
 * name, the secret that was given as one word too many. Only names of flags and commands leave here.
 */
export function usageError(thrown: Error, commandId: string | undefined): VectabaseError {
  return new VectabaseError('USAGE', { message: describe(thrown), hint: helpHint(commandId) });
}

/** `nearest` is shown instead of the word that was typed: it may be a secret that slipped. */
export function unknownCommand(topic: string | undefined, nearest: string | undefined): VectabaseError {
  const where = topic === undefined ? 'vectabase' : `vectabase ${topic.replaceAll(':', ' ')}`;
  return new VectabaseError('USAGE', {
    message: `${where} has no such command${nearest === undefined ? '' : `; the nearest is "vectabase ${nearest}"`}`,
    hint: helpHint(topic),
  });
}

/** oclif writes `Parsing --flag` around the message of whatever a flag's own parser throws, ours included. */
export function unwrapFlagMessage(message: string): { flag: string; reason: string } | undefined {
  const match = /^Parsing --([\w-]+)\s+([\s\S]*?)(?:\nSee more help with --help)?$/.exec(message);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { flag: match[1], reason: match[2].trim() };
}

function describe(thrown: Error): string {
  const message = thrown.message.replaceAll(ANSI, '').replace(/\nSee more help with --help$/, '');
  const fields = thrown as { flags?: unknown; args?: unknown };
  switch (thrown.constructor.name) {
    case 'NonExistentFlagsError':
      return `unknown flag ${asWords(fields.flags).map(nameOfFlag).join(', ')}`;
    case 'UnexpectedArgsError':
      return `${count(asWords(fields.args).length, 'argument')} too many`;
    case 'RequiredArgsError':
      return `missing argument ${asNamed(fields.args).join(', ')}`;
    case 'FlagInvalidOptionError':
      return message.replace(/^Expected (--[\w-]+)=[\s\S]* to be one of: (.*)$/, '$1 must be one of: $2');
    case 'ArgInvalidOptionError':
      return message.replace(/^Expected [\s\S]* to be one of: (.*)$/, 'the argument must be one of: $1');
    case 'FailedFlagValidationError':
    case 'ViolatedFlagConstraintError':
      return reasons(message);
  }
  const parsed = unwrapFlagMessage(thrown.message);
  if (parsed !== undefined) return `--${parsed.flag} is not accepted${expectation(parsed.reason)}`;
  // `Flag --x expects a value`: names only. Anything else stays unsaid.
  if (/^Flag --[\w-]+ (expects (a value|one of these values: )|can only be specified once)/.test(message))
    return lowerFirst(firstLine(message));
  return 'the command line is not understood';
}

/** `Missing required flag source`, or `--a=VALUE cannot also be provided when using --b`, one a line. */
function reasons(message: string): string {
  return message
    .replace(/^The following errors? occurred:/, '')
    .replaceAll(/(--[\w-]+)=[\s\S]*? (?=cannot also be provided)/g, '$1 ')
    .split('\n')
    .map((line) => lowerFirst(line.trim()))
    .filter((line) => line !== '')
    .join('; ');
}

/** oclif's own parsers say `Expected an integer but received: 12x`; other words may hold the value anywhere. */
function expectation(reason: string): string {
  const match = /^Expected [\w .-]+?(?= but received)/.exec(reason);
  return match === null ? '' : `: ${lowerFirst(match[0])}`;
}

// eslint-disable-next-line no-control-regex
const ANSI = /\u001B\[[\d;]*m/g;

function helpHint(command: string | undefined): string {
  return `Run vectabase ${command === undefined ? '' : `${command.replaceAll(':', ' ')} `}--help to see what it takes.`;
}

function nameOfFlag(typed: string): string {
  return /^(--[A-Za-z][\w-]*|-[A-Za-z])/.exec(typed)?.[0] ?? '(not a name)';
}

function asWords(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function asNamed(value: unknown): string[] {
  return Array.isArray(value) ? value.map((each: { name?: unknown }) => String(each.name).toUpperCase()) : [];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
