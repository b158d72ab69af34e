import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LETTER_KINDS, letterWriter, type LetterVariables } from '../../../src/services/auth/mail/letter.ts';
import { outboxTransport } from '../../../src/services/auth/mail/transport.ts';

let directory: string;
beforeEach(async () => (directory = await mkdtemp(path.join(tmpdir(), 'vt-mail-'))));
afterEach(() => rm(directory, { recursive: true }));

const variables: LetterVariables = {
  SiteURL: 'https://shop.example',
  ConfirmationURL: 'https://api.example/auth/v1/verify?token=abc&type=signup&redirect_to=https://shop.example',
  Token: '123456',
  TokenHash: 'abc',
  RedirectTo: 'https://shop.example',
  Email: 'new@user.example',
  NewEmail: 'next@user.example',
  SendingTo: 'new@user.example',
  Data: { name: 'Ada\r\nBcc: victim@x.example' },
};
const refuse = (kind: string, problem: string): never => {
  throw new Error(`${kind}: ${problem}`);
};

describe('letters', () => {
  test('every kind has a subject, its link whole in both forms, and the code', async () => {
    const writer = letterWriter(undefined, refuse);
    for (const kind of LETTER_KINDS) {
      const letter = await writer.write(kind, variables);
      expect(letter.subject).toMatch(/^\w.{5,}/);
      expect(letter.html).toContain('123456');
      expect(letter.text).toContain('123456');
      const link = kind === 'reauthentication' ? '' : variables.ConfirmationURL;
      expect(/href="([^"]*)"/.exec(letter.html)?.[1] ?? '').toBe(link.replaceAll('&', '&amp;'));
      expect(letter.text).toContain(link);
      expect(letter.html).not.toContain('{{');
      expect(letter.text).not.toMatch(/<|{{/);
    }
  });

  test('the operator’s own template counts at once, its title is the subject, and a header stays one line', async () => {
    const writer = letterWriter(directory, refuse);
    await writeFile(
      path.join(directory, 'recovery.html'),
      '<title>Hi {{ .Data.name }} &amp; co</title><p>{{ .Token }}</p>',
    );
    const letter = await writer.write('recovery', variables);
    expect(letter.subject).toBe('Hi Ada Bcc: victim@x.example & co');
    expect(letter.html).toContain('<p>123456</p>');
    await writeFile(path.join(directory, 'recovery.html'), '<p>{{ .Email }}</p>');
    expect((await writer.write('recovery', variables)).subject).toBe('Reset your password');
    expect((await writer.write('invite', variables)).html).toContain('You have been invited');
    expect(await writer.check()).toEqual([]);
  });

  test('a broken template is told about, and the shipped one goes out', async () => {
    const problems: string[] = [];
    const writer = letterWriter(directory, (kind, problem) => problems.push(`${kind}: ${problem}`));
    await writeFile(path.join(directory, 'invite.html'), '\n{{ if .Email }}');
    expect((await writer.write('invite', variables)).html).toContain(variables.Token);
    const expected = expect.stringMatching(/invite\.html: an if without \{\{ end \}\} \(line 2\)$/);
    expect(problems).toEqual([expected]);
    expect(await writer.check()).toEqual([{ kind: 'invite', problem: expected }]);
  });
});

describe('the outbox', () => {
  const letter = { kind: 'test', subject: 's', html: '<p>h</p>', text: 't' } as const;

  test('keeps each letter in a file for its owner alone, also when several write at once', async () => {
    const outbox = path.join(directory, 'mail', 'outbox');
    const transport = outboxTransport(outbox, { address: 'a@x.example', name: 'A' });
    await Promise.all(Array.from({ length: 20 }, (_, i) => transport.send({ ...letter, to: `u${i}@x.example` })));
    const files = await readdir(outbox);
    expect(files).toHaveLength(20);
    expect((await stat(path.join(outbox, files[0] ?? ''))).mode & 0o777).toBe(0o600);
    const read = await Promise.all(
      files.map(async (file) => JSON.parse(await readFile(path.join(outbox, file), 'utf8'))),
    );
    expect(new Set(read.map(({ to }) => to)).size).toBe(20);
  });

  const hostile = [
    'a@x.example\r\nBcc: b@x.example',
    'a@x.example, b@x.example',
    '<a@x.example>',
    'a@x@y',
    'a b@x.example',
    '',
    '"a"@x',
  ];
  test.each(hostile)('%j is not an address', async (to) => {
    const transport = outboxTransport(directory, { address: 'a@x.example', name: 'A' });
    await expect(transport.send({ ...letter, to })).rejects.toThrow(/not one address/);
    expect(await readdir(directory)).toEqual([]);
  });
});
