import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { VectabaseError } from '../foundation/core/errors.ts';
import { letterWriter } from '../services/auth/mail/letter.ts';
import { outboxTransport, smtpTransport, type Sender, type Transport } from '../services/auth/mail/transport.ts';

/** Where letters go without a mail server; the inbox page reads them there. */
export function outboxOf({ mailOutbox, mail }: RuntimeConfig): string | undefined {
  return mail?.smtpHost === undefined ? mailOutbox : undefined;
}

/** How letters leave: by the mail server, else into the outbox. Undefined: there is neither, and no mail. */
export function mailTransport(config: RuntimeConfig): Transport | undefined {
  const mail = completed('mail', config.mail);
  const from: Sender = { address: mail.from, name: mail.senderName };
  if (mail.smtpHost !== undefined) {
    const { smtpHost: host, smtpPort: port, smtpUser: user, tls } = mail;
    return smtpTransport(
      {
        host,
        port,
        user,
        tls,
        password: mail.smtpPassword ?? readSecret(mail.smtpPasswordFile, 'mail.smtpPasswordFile'),
      },
      from,
    );
  }
  const outbox = outboxOf(config);
  return outbox === undefined ? undefined : outboxTransport(outbox, from);
}

export function mailWriter({ mailDirectory }: RuntimeConfig, log: Logger): ReturnType<typeof letterWriter> {
  return letterWriter(mailDirectory, (kind, problem) => log.error({ kind, problem }, 'mail template not used'));
}

/** @throws VectabaseError CONFIG_INVALID */
export function readSecret(file: string | undefined, setting: string): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new VectabaseError('CONFIG_INVALID', {
      message: `${setting}: ${file} cannot be read`,
      hint: 'Correct the path, or make the file readable for the user that the daemon runs as.',
      cause,
    });
  }
}
