import { Errors, flush, run } from '@oclif/core';
import { asVectabaseError, errorToJson, VectabaseError } from '../foundation/core/errors.ts';
import { renderError } from './render/error.ts';

/**
 * Runs one command line and answers its exit code. Every failure, also one of oclif's own parser, leaves through
 * here, so that text and `--json` mode print one shape and end with one code.
 *
 * @param argv the words after `vectabase`
 * @param entryUrl `import.meta.url` of the launcher: oclif looks for `package.json` from there
 */
export async function main(argv: readonly string[], entryUrl: string): Promise<number> {
  try {
    await run([...argv], entryUrl);
    return 0;
  } catch (thrown) {
    const quietExit = exitRequested(thrown);
    if (quietExit !== undefined) return quietExit;
    const error = fromOclif(thrown);
    if (wantsJson(argv)) process.stdout.write(`${JSON.stringify(errorToJson(error))}\n`);
    else process.stderr.write(renderError(error));
    return error.exitCode;
  } finally {
    await flush().catch(() => undefined);
  }
}

/** `--help` and `--version` end by throwing an ExitError. */
function exitRequested(thrown: unknown): number | undefined {
  return thrown instanceof Errors.ExitError ? thrown.oclif.exit : undefined;
}

/** Parser errors become USAGE, with the first line only: the rest is oclif's help text. */
function fromOclif(thrown: unknown): VectabaseError {
  if (!(thrown instanceof Errors.CLIError)) return asVectabaseError(thrown);
  const message = thrown.message.split('\n')[0] ?? thrown.message;
  return new VectabaseError('USAGE', {
    message: message.charAt(0).toLowerCase() + message.slice(1),
    hint: 'Run the command with --help to see its flags.',
  });
}

function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}
