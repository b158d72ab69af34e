import { installationPaths } from '../../foundation/config/directory.ts';
import { readRuntimeFile } from '../../foundation/config/runtime-file.ts';
import { loadSettings } from '../../foundation/config/settings.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { readRunningInstallation } from '../../foundation/postgres/installation.ts';

export interface MailTested {
  readonly to: string;
  /** Where the letter is kept when no mail server is set; null when it left this machine. */
  readonly inboxUrl: string | null;
  /** What is wrong with the owner's templates; letters of that kind leave with ours. */
  readonly templateProblems: readonly string[];
}

/**
 * Sends one letter by the running daemon, so that what is tested is what everybody's letters go by.
 *
 * @throws VectabaseError MAIL_FAILED, USAGE, INSTALLATION_MISSING
 */
export async function testMail({ dir, to }: { readonly dir: string; readonly to: string }): Promise<MailTested> {
  const { apiUrl, keys } = await readRunningInstallation(dir);
  const response = await fetch(`${apiUrl}/auth/v1/admin/test-mail`, {
    method: 'POST',
    headers: { apikey: keys.serviceRoleKey, authorization: `Bearer ${keys.serviceRoleKey}` },
    body: JSON.stringify({ to }),
  }).catch((cause: unknown) => {
    throw failed(`the daemon at ${apiUrl} does not answer`, cause);
  });
  const answer = (await response.json().catch(() => ({}))) as Partial<MailTested> & { reason?: string; msg?: string };
  if (response.ok) return { to, inboxUrl: await inboxOf(dir, apiUrl), templateProblems: answer.templateProblems ?? [] };
  if (response.status === 400) {
    throw new VectabaseError('USAGE', {
      message: '--to is not an e-mail address',
      hint: 'Give one address: --to you@example.com.',
    });
  }
  throw failed(answer.reason ?? answer.msg ?? `the daemon answered ${response.status}`);
}

/** The running daemon shows an inbox where it has no mail server, to this machine's own addresses alone. */
async function inboxOf(dir: string, apiUrl: string): Promise<string | null> {
  const { api } = loadSettings({ dir }).settings;
  // `up` writes a new key at each start, so that the address is good while the daemon runs.
  const { mailInboxKey } = readRuntimeFile(installationPaths(dir).daemonConfig);
  if (mailInboxKey === undefined) return null;
  const base = api.publicUrl === undefined ? apiUrl : `http://127.0.0.1:${api.port}`;
  const inbox = `${base}/inbox/${mailInboxKey}`;
  const response = await fetch(inbox, { method: 'HEAD' }).catch(() => undefined);
  return response?.ok === true ? inbox : null;
}

function failed(reason: string, cause?: unknown): VectabaseError {
  return new VectabaseError('MAIL_FAILED', {
    message: `the letter did not leave: ${reason}`,
    hint: 'Correct the settings below mail in vectabase.yml (vectabase config show --sources), and start it again.',
    details: { reason },
    cause,
  });
}
