import { createHmac, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { sleep } from '../../foundation/core/sleep.ts';
import type { Letter } from '../../operator/backup/alerts/state.ts';
import type { Transport } from '../../services/auth/mail/transport.ts';
import { send } from './post.ts';

/** One way to whoever looks after the machine. */
export interface Channel {
  readonly name: 'mail' | 'discord' | 'webhook';
  /** Rejects with why nobody took it, without addresses and secrets. */
  deliver(letter: Letter): Promise<void>;
}

const WORDS = { raised: 'ALERT', still: 'STILL', resolved: 'RESOLVED', test: 'TEST' } as const;

export function mailChannel(transport: Transport, to: readonly string[]): Channel {
  return {
    name: 'mail',
    deliver: async (letter) => {
      const subject = `[${hostname()}] ${WORDS[letter.status]}: ${letter.title}`;
      const text = plain(letter);
      for (const each of to)
        await transport.send({ kind: 'test', to: each, subject, text, html: `<pre>${escape(text)}</pre>` });
    },
  };
}

/** https://discord.com/developers/docs/resources/webhook#execute-webhook: 204, or 429 with the seconds to wait. */
export function discordChannel(url: string): Channel {
  return {
    name: 'discord',
    deliver: async (letter) => {
      const body = JSON.stringify({
        username: 'Vectabase',
        allowed_mentions: { parse: [] },
        embeds: [
          {
            title: `${WORDS[letter.status]}: ${letter.title}`.slice(0, 256),
            description: `\`\`\`\n${letter.command.replaceAll('`', "'")}\n\`\`\``.slice(0, 4_096),
            color: letter.status === 'resolved' ? 0x2e_cc_71 : letter.severity === 'critical' ? 0xe7_4c_3c : 0xf1_c4_0f,
            footer: { text: hostname().slice(0, 2_048) },
            timestamp: letter.since,
          },
        ],
      });
      for (let attempt = 0; ; attempt++) {
        const reply = await send(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        if (reply.status >= 200 && reply.status < 300) return;
        const wait = Number(reply.headers['retry-after']);
        if (reply.status !== 429 || attempt > 0 || !(wait >= 0 && wait <= 60)) {
          throw new Error(`Discord answered ${reply.status}`);
        }
        await sleep(wait * 1_000);
      }
    },
  };
}

/**
 * A POST of JSON, signed as Standard Webhooks (standardwebhooks.com) has it, where there is a secret: HMAC-SHA256 of
 * `id.timestamp.body`, so that the receiver knows who wrote, and refuses what is old.
 */
export function webhookChannel(url: string, secret: string | undefined): Channel {
  return {
    name: 'webhook',
    deliver: async (letter) => {
      const id = `msg_${randomUUID()}`;
      const timestamp = String(Math.floor(Date.now() / 1_000));
      const body = JSON.stringify({ type: 'alert', version: 1, host: hostname(), ...letter });
      const signature =
        secret && createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
      const reply = await send(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          ...(signature !== undefined && { 'webhook-signature': `v1,${signature}` }),
        },
        body,
      });
      if (reply.status < 200 || reply.status >= 300) throw new Error(`the webhook answered ${reply.status}`);
    },
  };
}

/** `whsec_` and base64, as libraries of receivers take it; else the bytes of the text. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
}

function plain({ status, severity, title, command, since }: Letter): string {
  const first = status === 'resolved' ? `It is over: ${title}.` : `${title.charAt(0).toUpperCase()}${title.slice(1)}.`;
  return [
    first,
    '',
    ...(status === 'resolved' ? [] : ['Run on the machine:', '', `  ${command}`, '']),
    `Machine:  ${hostname()}`,
    `Severity: ${severity}`,
    `Since:    ${since}`,
    '',
  ].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
