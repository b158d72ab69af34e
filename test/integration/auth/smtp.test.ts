import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { newAuthority, newServerCertificate } from '../../../src/foundation/crypto/certificates.ts';
import { smtpTransport } from '../../../src/services/auth/mail/transport.ts';
import { startAuthServer, type AuthServer } from '../../support/auth.ts';
import { eventually } from '../../support/daemon.ts';

interface Taken {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
  readonly secure: boolean;
}

/** A mail server that can be told to refuse. */
async function startMailbox(options: SMTPServerOptions) {
  const taken: Taken[] = [];
  const mood = { refuse: 0 };
  const server = new SMTPServer({
    logger: false,
    onAuth: (auth, _session, done) => {
      const ok = auth.username === 'user' && auth.password === 'smtp-secret';
      done(ok ? null : new Error('535 wrong password'), ok ? { user: 'user' } : undefined);
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (mood.refuse-- > 0) return done(Object.assign(new Error('try later'), { responseCode: 451 }));
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        const to = rcptTo.map(({ address }) => address);
        taken.push({ from, to, text: Buffer.concat(chunks).toString(), secure: session.secure });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return { taken, mood, port, stop: async () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

type Mailbox = Awaited<ReturnType<typeof startMailbox>>;
const SENDER = { address: 'shop@shop.example', name: 'Sh\u00f6p' };
const LETTER = { kind: 'test', to: 'ada@mail.example', subject: 'Hello', html: '<p>h</p>', text: 't' } as const;

describe('the connection', () => {
  const boxes: Mailbox[] = [];
  const box = async (options: SMTPServerOptions): Promise<Mailbox> => {
    const started = await startMailbox(options);
    boxes.push(started);
    return started;
  };
  afterEach(async () => {
    for (const each of boxes.splice(0)) await each.stop();
  });

  const sendTo = async (port: number, more: Partial<Parameters<typeof smtpTransport>[0]> = {}) => {
    const options = { host: '127.0.0.1', port, user: undefined, password: undefined, tls: 'none', ...more } as const;
    const transport = smtpTransport(options, SENDER);
    try {
      await transport.send(LETTER);
    } finally {
      transport.close();
    }
  };

  test('in clear on this machine: one sender, one recipient, one line a header', async () => {
    const { port, taken } = await box({ authOptional: true, disabledCommands: ['STARTTLS'] });
    const transport = smtpTransport(
      { host: '127.0.0.1', port, user: undefined, password: undefined, tls: 'none' },
      SENDER,
    );
    await transport.send({ ...LETTER, subject: 'Hi\r\nBcc: thief@x.example' });
    await expect(transport.send({ ...LETTER, to: 'a@x.example, thief@x.example' })).rejects.toThrow(/not one address/);
    transport.close();
    expect(taken).toMatchObject([{ from: 'shop@shop.example', to: ['ada@mail.example'] }]);
    const [headers = ''] = (taken[0]?.text ?? '').split('\r\n\r\n');
    expect(headers).toMatch(/^To: ada@mail\.example$/im);
    expect(headers).not.toMatch(/^Bcc:/im);
    expect(headers).toMatch(/^Auto-Submitted: auto-generated$/im);
  });

  test('starttls does not go on without TLS', async () => {
    const { port, taken } = await box({ authOptional: true, disabledCommands: ['STARTTLS'] });
    await expect(sendTo(port, { tls: 'starttls' })).rejects.toThrow(/STARTTLS|TLS/i);
    expect(taken).toEqual([]);
  });

  test('a certificate of nobody is refused, and the password not sent', async () => {
    const certified = await newServerCertificate(await newAuthority('x', Date.now()), Date.now());
    let asked = 0;
    const { port } = await box({
      secure: true,
      key: certified.privateKey,
      cert: certified.certificate,
      onAuth: (_auth, _session, done) => {
        asked++;
        done(null, { user: 'x' });
      },
    });
    await expect(sendTo(port, { tls: 'implicit', user: 'user', password: 'smtp-secret' })).rejects.toThrow(
      /certificate/i,
    );
    expect(asked).toBe(0);
  });

  test('a wrong password is told, and not repeated in what is told', async () => {
    const { port } = await box({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true });
    const told = await sendTo(port, { user: 'user', password: 'not-the-secret' }).catch((error: unknown) =>
      String(error),
    );
    expect(told).toMatch(/535/);
    expect(told).not.toContain('not-the-secret');
    await sendTo(port, { user: 'user', password: 'smtp-secret' });
  });
});

describe('the daemon', () => {
  let mailbox: Mailbox;
  let server: AuthServer;
  const directory = mkdtempSync(path.join(tmpdir(), 'vt-smtp-'));

  beforeAll(async () => {
    mailbox = await startMailbox({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true });
    writeFileSync(path.join(directory, 'password'), 'smtp-secret\n', { mode: 0o600 });
    writeFileSync(
      path.join(directory, 'recovery.html'),
      '<title>Neues Passwort</title><p>{{ .Token }} {{ .Data.name }}</p>',
    );
    server = await startAuthServer(
      { siteUrl: 'https://shop.example' },
      {
        mailDirectory: directory,
        mail: {
          smtpHost: '127.0.0.1',
          smtpPort: mailbox.port,
          smtpUser: 'user',
          smtpPasswordFile: path.join(directory, 'password'),
          tls: 'none',
          from: 'shop@shop.example',
          perHour: 3,
        },
      },
    );
  });
  afterAll(async () => {
    await server?.stop();
    await mailbox?.stop();
    rmSync(directory, { recursive: true });
  });

  const user = async (email: string) =>
    server.admin().auth.admin.createUser({ email, email_confirm: true, user_metadata: { name: '<b>Ada</b>' } });
  const ask = async (email: string) => server.auth('/recover', { body: { email } });
  const lettersTo = (email: string) => mailbox.taken.filter(({ to }) => to.includes(email));

  test('delivers with the owner’s template', async () => {
    await user('ada@mail.example');
    expect((await ask('ada@mail.example')).status).toBe(200);
    await eventually(() => lettersTo('ada@mail.example').length === 1);
    const { text = '' } = lettersTo('ada@mail.example')[0] ?? {};
    expect(text).toMatch(/^Subject: Neues Passwort$/m);
    expect(text).toContain('&lt;b&gt;Ada&lt;/b&gt;');
    await eventually(async () => (await server.rows('select id from vectabase.mail_jobs')).length === 0);
  });

  test('tries again what was not taken, with a new code; the answer to the person was long out', async () => {
    await user('bo@mail.example');
    mailbox.mood.refuse = 1;
    expect((await ask('bo@mail.example')).status).toBe(200);
    await eventually(() => server.daemon.log().some(({ msg }) => msg === 'mail not delivered'));
    expect(lettersTo('bo@mail.example')).toEqual([]);
    const [job] = await server.rows<{ attempts: number; row: string }>(
      'select attempts, j::text as row from vectabase.mail_jobs j',
    );
    expect(job?.attempts).toBe(1);
    // Nothing that opens the account lies in the table.
    expect(job?.row).not.toMatch(/\b\d{6}\b|[0-9a-f]{40}/);
    // As if five processes had died over it: it must not hold up the queue.
    await server.sql('update vectabase.mail_jobs set run_at = now(), attempts = 9');
    await eventually(() => lettersTo('bo@mail.example').length === 1);
    await eventually(async () => (await server.rows('select id from vectabase.mail_jobs')).length === 0);
    expect(JSON.stringify(server.daemon.log())).not.toContain('smtp-secret');
  });

  test('and no more than so many in an hour, whoever asks', async () => {
    const answers = [];
    for (let person = 0; person < 3; person++) answers.push((await ask(`nobody${person}@mail.example`)).status);
    expect(answers).toEqual([200, 429, 429]);
    expect((await ask('ada2@mail.example')).json).toMatchObject({ error_code: 'over_email_send_rate_limit' });
  });
});
