import { environment } from '../../foundation/config/environment.ts';

const COMMAND = /(^|[\s`(])vectabase (?=up\b|migrate\b|demo\b|keys\b|config\b|secrets\b|daemon\b|help\b)/gm;

/** Commands as this person can type them: started by npx from a clone, `vectabase` alone is not on their PATH. */
export function asInvoked(text: string): string {
  const { npm_command: command, npm_lifecycle_event: event } = environment();
  return command === 'exec' && event === 'npx' ? text.replaceAll(COMMAND, '$1npx vectabase ') : text;
}
