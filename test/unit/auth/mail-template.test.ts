import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate } from '../../../src/services/auth/mail/template.ts';

const html = (source: string, variables: Record<string, unknown>) => parseTemplate(source).render(variables);

describe('what Supabase templates use', () => {
  test('variables, also of the metadata; what is not there is nothing', () => {
    const variables = { Email: 'a@b.example', Data: { shop: { name: 'Kiosk' }, empty: null } };
    expect(html('{{ .Email }}|{{.Data.shop.name}}|{{ .Data.empty }}|{{ .Nothing.at.all }}', variables)).toBe(
      'a@b.example|Kiosk||',
    );
  });

  test('if, else if, else, eq, ne, and, or, not, and brackets', () => {
    const source =
      '{{ if eq .Data.lang "de" "at" }}Hallo{{ else if and .Data.vip (not .Data.muted) }}Dear{{ else }}Hello{{ end }}';
    expect(html(source, { Data: { lang: 'at' } })).toBe('Hallo');
    expect(html(source, { Data: { vip: true } })).toBe('Dear');
    expect(html(source, { Data: { vip: true, muted: true } })).toBe('Hello');
    expect(html('{{ if or .A .B }}x{{ end }}{{ if ne .A "y" }}z{{ end }}', { A: '', B: 1 })).toBe('xz');
  });

  test('comments vanish and dashes swallow blanks', () => {
    expect(html('a {{- /* note */ -}}  b{{/* x */}}\n', {})).toBe('ab\n');
    expect(html('a  {{- .X -}}\n b', { X: 1 })).toBe('a1b');
  });

  test('names that JavaScript knows are not names of ours', () => {
    expect(html('{{ .constructor.name }}{{ .Data.__proto__.x }}', { Data: {} })).toBe('');
  });

  const broken: Array<[source: string, complaint: RegExp]> = [
    ['{{ .Email', /not closed \(line 1\)/],
    ['\n\n{{ if .A }}x', /without \{\{ end \}\} \(line 3\)/],
    ['x{{ end }}', /without an if/],
    ['{{ else }}', /without an if/],
    ['{{ template "x" }}', /not understood/],
    ['{{ .Email | html }}', /not understood/],
    ['{{ eq }}', /not understood/],
    ['{{ }}', /not understood/],
    ['<script>var a = "{{ .Email }}"</script>', /no variable may stand in script/],
    ['<style>a { color: {{ .Data.color }} }</style>', /no variable may stand in style/],
    ['<a {{ .Data.x }}>', /no variable may stand in a tag/],
    ['{{ if .A }}<a href="{{ else }}x{{ end }}', /different parts of the page/],
  ];
  test.each(broken)('%j is refused and says why', (source, complaint) => {
    expect(() => parseTemplate(source)).toThrow(complaint);
  });
});

describe('a value is escaped for its place', () => {
  const hostile = `"><script>alert(1)</script>&'\``;

  test('text and attributes', () => {
    expect(html('<p title="{{ .X }}">{{ .X }}</p>', { X: hostile })).not.toMatch(/<script|"><|'|`/);
    expect(html('<p title={{ .X }}>', { X: 'a onload=b' })).toBe('<p title=a&#32;onload&#61;b>');
  });

  test('in the query of a link it is one value; before it, it keeps its slashes', () => {
    expect(
      html('<a href="{{ .SiteURL }}/x?next={{ .N }}&b=1">', { SiteURL: 'https://s.example', N: 'a&b=c d/é' }),
    ).toBe('<a href="https://s.example/x?next=a%26b%3Dc%20d%2F%C3%A9&b=1">');
    expect(html('<a href="https://s.example/{{ .N }}">', { N: 'a/b c' })).toBe('<a href="https://s.example/a/b%20c">');
  });

  test('a link that a user chose cannot run script; one that the server made may open an app', () => {
    for (const link of ['javascript:alert(1)', ' JaVa\nScript:alert(1)', 'data:text/html,x', 'vbscript:x']) {
      expect(html('<a href="{{ .Data.link }}">', { Data: { link } })).toBe('<a href="#">');
    }
    expect(html('<a href="{{ .Data.link }}">', { Data: { link: 'https://x.example/a' } })).toContain(
      'https://x.example/a',
    );
    expect(html('<a href="{{ .RedirectTo }}">', { RedirectTo: 'my.app://login' })).toContain('my.app://login');
  });

  test('whatever it is, it never opens a tag, closes an attribute or fills in a template', () => {
    const source = '<b title="{{ .X }}" data-a=\'{{ .X }}\'>{{ .X }}</b><a href="https://e.example/?q={{ .X }}">x</a>';
    const shape = (page: string) => page.replaceAll(/[^<>"'{}]/g, '');
    const expected = shape(html(source, { X: 'plain' }));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const shown = html(source, { X: value, Email: 'secret' });
        expect(shape(shown.replaceAll(/[{}]/g, ''))).toBe(expected);
        expect(shown).not.toContain(value.includes('secret') ? '\0never' : 'secret');
      }),
    );
  });

  test('any text is parsed or refused with a line, never worse', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      ' .X ',
      'if ',
      'else',
      'end',
      '<a href="',
      '"',
      '>',
      '- ',
      ' -',
      '(',
      'eq ',
      'a',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        expect(shownOrRefused(pieces.join(''))).toMatch(/^shown|\(line \d+\)$/);
      }),
    );
  });
});

function shownOrRefused(source: string): string {
  try {
    return `shown: ${html(source, { X: 'v' })}`;
  } catch (error) {
    return String(error);
  }
}
