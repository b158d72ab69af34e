import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { discordChannel, mailChannel, webhookChannel } from '../../../src/daemon/alerts/channels.ts';
import { send } from '../../../src/daemon/alerts/post.ts';
import type { Letter } from '../../../src/operator/backup/alerts/state.ts';

const letter: Letter = {
  key: 'job.base.failed',
  status: 'raised',
  severity: 'critical',
  title: 'the job base failed: @everyone <b>',
  command: 'vectabase backup create',
  since: '2026-11-23T10:00:00.000Z',
};

interface Call {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

/** Answers in turn, the last one for ever. */
async function standIn(...answers: Array<[status: number, headers?: Record<string, string>]>): Promise<{
  readonly url: string;
  readonly calls: Call[];
}> {
  const calls: Call[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const [status, headers] = answers[Math.min(calls.length, answers.length - 1)] ?? [500];
      calls.push({ url: request.url, headers: request.headers, body });
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/api/webhooks/1/secret-token`, calls };
}

test('Discord gets an embed that mentions nobody, and is waited for when it asks for it', async () => {
  const { url, calls } = await standIn([429, { 'retry-after': '0.05' }], [204]);
  await discordChannel(url).deliver(letter);
  expect(calls).toHaveLength(2);
  const body = JSON.parse(calls[1]?.body ?? '') as Record<string, unknown>;
  expect(body).toMatchObject({
    allowed_mentions: { parse: [] },
    embeds: [{ title: `ALERT: ${letter.title}`, timestamp: letter.since }],
  });
  expect(JSON.stringify(body)).toContain(letter.command);
});

test('a webhook is signed as Standard Webhooks has it', async () => {
  const { url, calls } = await standIn([200]);
  await webhookChannel(url, `whsec_${Buffer.from('a secret').toString('base64')}`).deliver(letter);
  const { headers = {}, body = '' } = calls[0] ?? {};
  expect(JSON.parse(body)).toMatchObject({ type: 'alert', version: 1, ...letter });
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', 'a secret').update(signed).digest('base64')}`);
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(60);
});

test.each([discordChannel, (url: string) => webhookChannel(url, 'hidden')])(
  'a refusal is an error without the address and the secret',
  async (open) => {
    const { url } = await standIn([404]);
    const error = await open(url)
      .deliver(letter)
      .catch((thrown: unknown) => thrown as Error);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(/answered 404/);
    expect(String(error)).not.toMatch(/secret-token|hidden/);
  },
);

test('a redirect is not followed', async () => {
  const { url, calls } = await standIn([307, { location: '/elsewhere' }], [200]);
  await expect(webhookChannel(url, undefined).deliver(letter)).rejects.toThrow('answered 307');
  expect(calls).toHaveLength(1);
});

test.each([
  ['http://192.0.2.1/x', 'only https'],
  ['http://localhost.example/x', 'only https'],
  ['file:///etc/passwd', 'only https'],
  ['https://169.254.169.254/latest/meta-data', 'of the cloud'],
  ['https://[fd00:ec2::254]/x', 'of the cloud'],
  ['https://[::ffff:169.254.169.254]/x', 'of the cloud'],
  ['https://2852039166/x', 'of the cloud'],
])('%s is refused', async (url, reason) => {
  await expect(send(url, { method: 'GET' })).rejects.toThrow(reason);
});

test('nobody there is an error without the address', async () => {
  await expect(send('http://127.0.0.1:1/secret-token', { method: 'GET' })).rejects.toThrow(/^ECONNREFUSED$/);
});

test('a letter has the command in it, and markup stays text', async () => {
  const sent: Array<{ to: string; subject: string; text: string; html: string }> = [];
  const transport = {
    send: async (envelope: (typeof sent)[number]) => void sent.push(envelope),
    close: () => undefined,
  };
  await mailChannel(transport, ['a@b.example', 'c@d.example']).deliver(letter);
  expect(sent.map(({ to }) => to)).toEqual(['a@b.example', 'c@d.example']);
  expect(sent[0]?.text).toContain('  vectabase backup create\n');
  expect(sent[0]?.subject).toContain('ALERT: the job base failed');
  expect(sent[0]?.html).toContain('&lt;b&gt;');
});
