import { installationPaths } from '../../../foundation/config/directory.ts';
import { readRuntimeFile } from '../../../foundation/config/runtime-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { askDaemon } from './ask-daemon.ts';

export interface AlertTest {
  readonly channels: ReadonlyArray<{ readonly channel: string; readonly failure: string | null }>;
}

/**
 * Has the running daemon write a test to everybody who gets alerts.
 *
 * @throws VectabaseError INSTALLATION_MISSING, CONFIG_INVALID when nobody gets any, ALERT_FAILED
 */
export async function testAlert(dir: string): Promise<AlertTest> {
  const socket = adminSocket(dir);
  const answer = await askDaemon(socket, { method: 'POST', path: '/alerts/test', timeout: 90_000 }).catch(
    (cause: unknown) => {
      throw new VectabaseError('INSTALLATION_MISSING', {
        message: `no daemon answers at ${socket}`,
        hint: 'Run systemctl status vectabase, and the command again as root when it runs.',
        cause,
      });
    },
  );
  const result = JSON.parse(answer) as AlertTest;
  if (result.channels.length === 0) {
    throw new VectabaseError('CONFIG_INVALID', {
      message: 'nobody gets alerts',
      hint: 'Set backup.alertMail, backup.alertDiscord or backup.alertWebhook with vectabase config edit, then run vectabase install.',
    });
  }
  const failed = result.channels.filter(({ failure }) => failure !== null);
  if (failed.length === 0) return result;
  throw new VectabaseError('ALERT_FAILED', {
    message: `not taken by ${failed.map(({ channel, failure }) => `${channel} (${failure})`).join(', ')}`,
    hint: 'Correct its setting with vectabase config edit, run vectabase install, and then this command again.',
    details: { channels: result.channels },
  });
}

function adminSocket(dir: string): string {
  const { daemonConfig } = installationPaths(dir);
  const { admin } = readRuntimeFile(daemonConfig, { credentials: false });
  if (admin) return admin.socket;
  throw new VectabaseError('INSTALLATION_MISSING', {
    message: `${daemonConfig} names no admin listener, so its daemon sends no alerts`,
    hint: 'Set the machine up with vectabase install: jobs and alerts belong to an installed one.',
  });
}
