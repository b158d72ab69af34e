import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { globToRegExp, makeRedirects } from '../../../src/services/auth/redirects.ts';

const SITE = 'https://shop.example';
const redirects = makeRedirects({
  siteUrl: SITE,
  allowed: [
    'http://localhost:3000/**',
    'https://*.preview.example/**',
    'https://exact.example/callback',
    'https://one.example/*',
    'com.shop.app://login',
    'exp://**',
    'https://glued.example**',
  ],
});

describe('allowed', () => {
  test.each([
    'https://shop.example',
    'https://shop.example/',
    'https://shop.example/a/b?c=d',
    'https://shop.example:443/a',
    'http://localhost:3000/a/b.html?x=1',
    'https://pr-7.preview.example/deep/er',
    'https://exact.example/callback',
    'https://one.example/a',
    'https://glued.example/any/thing',
    'com.shop.app://login',
    'exp://192.168.0.7:8081/--/auth',
  ])('%s', (address) => {
    expect(redirects.choose(address)).toBe(address.replace(':443', ''));
  });

  test('the first allowed candidate counts; the fragment goes; without any it is the site', () => {
    expect(redirects.choose('https://evil.example', 'https://one.example/b#access_token=x')).toBe(
      'https://one.example/b',
    );
    expect(redirects.choose(undefined, '')).toBe(SITE);
  });
});

describe('refused', () => {
  test.each([
    '//evil.example',
    '/relative',
    'https:evil.example',
    'https:///evil.example',
    'https://evil.example',
    'http://shop.example/',
    'https://shop.example:8443/',
    'https://shop.example.evil.example/',
    'https://evilshop.example/',
    'https://shop.example@evil.example/',
    'https://user:pw@shop.example/',
    'https://evil.example\\@shop.example/',
    'https://evil.example\\.preview.example/',
    'https://evil.example?.preview.example/',
    'https://evil.example#.preview.example/',
    'https://evil.example/.preview.example/',
    'https://evil.example%2f.preview.example/',
    'https://a.b.preview.example/',
    'https://glued.example.evil.example/',
    'https://glued.examples/',
    'https://preview.example/',
    'http://localhost:3001/',
    'http://localhost/',
    'http://2130706433:3000/',
    'http://0x7f.1:3000/',
    'http://[::1]:3000/',
    'https://exact.example/callback/',
    'https://exact.example/callback?x=1',
    'https://exact.example/callback/../evil',
    'https://one.example/a/b',
    'https://one.example/a/../../b/c',
    'com.shop.app://login/evil',
    'javascript:alert(1)',
    'JaVaScRiPt://shop.example/%0aalert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    ' https://shop.example/',
    'https://shop.example/\r\nset-cookie: a=b',
    'https://sh\top.example/',
    'https://ｅvil.example/',
  ])('%j', (address) => {
    expect(redirects.choose(address)).toBe(SITE);
  });

  test('a pattern for everything still opens neither scripts nor hosts that are numbers', () => {
    const open = makeRedirects({ siteUrl: SITE, allowed: ['https://**', '**'] });
    expect(open.choose('javascript:alert(1)')).toBe(SITE);
    const web = makeRedirects({ siteUrl: SITE, allowed: ['http*://**'] });
    expect(web.choose('http://2130706433/')).toBe(SITE);
    expect(web.choose('http://[::1]/')).toBe(SITE);
    expect(web.choose('https://any.where.example/x')).toBe('https://any.where.example/x');
  });
});

describe('globs', () => {
  test.each([
    ['*', 'abc', true],
    ['*', 'a.b', false],
    ['*', 'a/b', false],
    ['**', 'a.b/c', true],
    ['?', '/', false],
    ['a?c', 'abc', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[!a-c]x', 'dx', true],
    ['[!a]x', '/x', false],
    ['{a,b}.c', 'b.c', true],
    ['{a,b}.c', 'xc', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a.c', 'abc', false],
  ])('%s against %s', (glob, text, expected) => {
    expect(globToRegExp(glob).test(text)).toBe(expected);
  });

  test('any text is a pattern, and one without signs matches itself alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), fc.string({ maxLength: 10 }), (glob, other) => {
        const pattern = globToRegExp(glob);
        const plain = !/[*?[{\\]/.test(glob);
        expect(pattern.test(glob) || !plain).toBe(true);
        expect(pattern.test(other) && plain && other !== glob).toBe(false);
      }),
    );
  });

  test('what is chosen is the site, or an address that a browser reads as the same host', () => {
    const host = fc.constantFrom('shop.example', 'a.preview.example', 'evil.example', 'localhost:3000');
    const glue = fc.constantFrom('', '@', '?', '#', '\\', '/', '%2f', '.', ':', '\t', '//', '%00');
    fc.assert(
      fc.property(host, glue, host, glue, (one, a, two, b) => {
        const chosen = new URL(redirects.choose(`https://${one}${a}${two}${b}`));
        expect(['shop.example', 'a.preview.example']).toContain(chosen.host);
      }),
    );
  });
});
