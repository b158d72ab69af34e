import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import nodemailer from 'nodemailer';
import { writeDurably } from '../../../foundation/core/durable-file.ts';
import type { Letter, LetterKind } from './letter.ts';

/** A letter with an address on it. */
export interface Envelope extends Letter {
  readonly kind: LetterKind | 'test';
  readonly to: string;
}

export interface Transport {
  /** Resolves when the letter is out of our hands. Rejects with the server's words otherwise. */
  send(envelope: Envelope): Promise<void>;
  close(): void;
}

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** `starttls` refuses to go on in clear; `none` is for a relay on this machine. */
  readonly tls: 'starttls' | 'implicit' | 'none';
}

export interface Sender {
  readonly address: string;
  readonly name: string;
}

/** Milliseconds. A relay that greylists holds a connection for seconds; one that is gone should not hold us longer. */
const TIMEOUTS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000 };

export function smtpTransport(smtp: SmtpOptions, from: Sender): Transport {
  const { host, port, user, password, tls } = smtp;
  const transporter = nodemailer.createTransport({
    pool: true,
    maxConnections: 2,
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    ...TIMEOUTS,
  });
  return {
    async send({ to, subject, html, text }) {
      assertAddress(to);
      await transporter.sendMail({
        // As objects: a string would be read as a list of addresses.
        from,
        to: { name: '', address: to },
        envelope: { from: from.address, to: [to] },
        subject,
        html,
        text,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
    },
    close: () => transporter.close(),
  };
}

/** A letter in a file, for the inbox page. */
export interface StoredLetter extends Envelope {
  readonly id: string;
  readonly from: Sender;
  /** ISO 8601. */
  readonly sentAt: string;
}

/** Sends nothing: each letter becomes a file `<id>.json` in `directory`, for its owner alone. Any number may write. */
export function outboxTransport(directory: string, from: Sender): Transport {
  return {
    async send(envelope) {
      assertAddress(envelope.to);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const now = new Date();
      // Sorts by time; the random part keeps two workers apart.
      const id = `${now.toISOString().replaceAll(/[-:.]/g, '')}-${randomBytes(4).toString('hex')}`;
      const letter: StoredLetter = { id, from, sentAt: now.toISOString(), ...envelope };
      await writeDurably(path.join(directory, `${id}.json`), `${JSON.stringify(letter, null, 2)}\n`);
    },
    close: () => undefined,
  };
}

/** The last door before a header: whatever let an address through, it is one address and one line. */
function assertAddress(address: string): void {
  if (!/^[^\s\p{Cc}<>,;:"()[\]\\@]+@[^\s\p{Cc}<>,;:"()[\]\\@]+$/u.test(address)) {
    throw new Error('the address of the letter is not one address');
  }
}
