import { environment } from '../../foundation/config/environment.ts';

const TOPICS =
  'audit|auth|backup|config|daemon|db|demo|doctor|encryption|firewall|help|install|keys|logs|migrate|secrets|status|uninstall|up|upgrade|users|volume';
// Bold letters begin with an escape sequence.
const COMMAND = new RegExp(`(^|[\\s\`(]|\\u001B\\[[\\d;]*m)vectabase (?=(?:${TOPICS})\\b)`, 'gm');

/** Commands as this person can type them: started by npx from a clone, `vectabase` alone is not on their PATH. */
export function asInvoked(text: string): string {
  const { npm_command: command, npm_lifecycle_event: event } = environment();
  return command === 'exec' && event === 'npx' ? text.replaceAll(COMMAND, '$1npx vectabase ') : text;
}
