import { fileURLToPath } from 'node:url';
import { Config, Errors, run } from '@oclif/core';
import { environment } from '../foundation/config/environment.ts';
import { asVectabaseError, errorToJson, VectabaseError } from '../foundation/core/errors.ts';
import { hideKnownWarnings } from '../foundation/core/warnings.ts';
import { findCommand, type FoundCommand } from './find-command.ts';
import { renderError } from './render/error.ts';
import { unknownCommand, unwrapFlagMessage, usageError } from './usage-error.ts';

/**
 * Runs one command line and answers its exit code. Every failure, also one of oclif's own parser, leaves through
 * here, so that text and `--json` mode print one shape and end with one code.
 *
 * @param argv the words after `vectabase`
 * @param entryUrl `import.meta.url` of the launcher: oclif looks for `package.json` from there
 */
export async function main(argv: readonly string[], entryUrl: string): Promise<number> {
  hideKnownWarnings();
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  let found: FoundCommand | undefined;
  try {
    const config = await Config.load(fileURLToPath(entryUrl));
    found = findCommand(argv, config.commandIDs);
    if (found.unknown) throw unknownCommand(found.id, found.nearest);
    const command = found.isCommand && !wants(argv, '--help', '-h') ? found.id : undefined;
    if (command === undefined) await run([...argv], config);
    else await config.runCommand(command, [...found.rest]);
    return 0;
  } catch (thrown) {
    const quietExit = exitRequested(thrown);
    if (quietExit !== undefined) return quietExit;
    const error = toVectabaseError(thrown, found?.id);
    if (wants(argv, '--json')) process.stdout.write(`${JSON.stringify(errorToJson(error))}\n`);
    else process.stderr.write(renderError(error));
    if (environment().DEBUG?.includes('vectabase') === true) process.stderr.write(`${stackOf(error)}\n`);
    return error.exitCode;
  }
}

/** `--help` and `--version` end by throwing an ExitError. */
function exitRequested(thrown: unknown): number | undefined {
  return thrown instanceof Errors.ExitError ? thrown.oclif.exit : undefined;
}

function toVectabaseError(thrown: unknown, commandId: string | undefined): VectabaseError {
  if (thrown instanceof VectabaseError) return withFlagName(thrown);
  if (thrown instanceof Errors.CLIError) return usageError(thrown, commandId);
  // Flag parsers of oclif and of ours throw plain errors; the prefix tells that the command line is at fault.
  if (thrown instanceof Error && unwrapFlagMessage(thrown.message) !== undefined) return usageError(thrown, commandId);
  return asVectabaseError(thrown);
}

/** An error of ours that came out of a flag's parser, with oclif's wrapping taken off its message. */
function withFlagName(error: VectabaseError): VectabaseError {
  const parsed = unwrapFlagMessage(error.message);
  if (parsed === undefined) return error;
  return new VectabaseError(error.code, {
    message: `--${parsed.flag}: ${parsed.reason}`,
    details: error.details,
    cause: error.cause,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

function wants(argv: readonly string[], ...flags: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).some((word) => flags.includes(word));
}

/** `vectabase … | head` closes the pipe early; the job goes on, and what it would have printed is not missed. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function stackOf(error: VectabaseError): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
