import { childEnvironment } from '../config/child-environment.ts';
import { environment } from '../config/environment.ts';
import { VectabaseError } from '../core/errors.ts';
import { runForeground } from './foreground.ts';

/**
 * Opens a file in the person's editor and waits for its end.
 *
 * @param onStop runs when a signal ends us, before the editor hears of it
 * @param again the command that edits once more
 * @throws VectabaseError CANCELLED when the editor fails or somebody stops us
 */
export async function callEditor(
  file: string,
  { onStop, again }: { readonly onStop?: () => void; readonly again: string },
): Promise<void> {
  const { VISUAL, EDITOR } = environment();
  const editor = VISUAL ?? EDITOR ?? 'vi';
  let stopped: NodeJS.Signals | undefined;
  // As git does it: the variable holds a command line. Ctrl-C is the editor's; the others end us.
  const { code } = await runForeground(['sh', '-c', `exec ${editor} "$1"`, 'sh', file], {
    env: childEnvironment(),
    onSignal: (signal) => {
      if (signal !== 'SIGTERM' && signal !== 'SIGHUP') return;
      stopped = signal;
      onStop?.();
    },
  });
  if (stopped === undefined && code === 0) return;
  throw new VectabaseError('CANCELLED', {
    message: `${stopped === undefined ? `the editor ended with ${code ?? 'a signal'}` : `stopped by ${stopped}`}; nothing was changed`,
    hint: `Set EDITOR to the editor of your choice, and run ${again} again.`,
  });
}
