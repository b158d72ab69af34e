/**
 * A letter for readers without HTML: its words, with the addresses of its links in full. For pages that our templates
 * make, not for the web.
 */
export function plainText(html: string): string {
  const body = html
    .replaceAll(/<!--[\s\S]*?-->|<(head|style|script|title)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/<a\b[^>]*?\bhref\s*=\s*("[^"]*"|'[^']*')[^>]*>(.*?)<\/a\s*>/gi, (_, href: string, words: string) => {
      return `${words.trim()}: ${href.slice(1, -1)}`;
    })
    .replaceAll(/<(br|\/p|\/div|\/h\d|\/tr|\/li|\/table)\b[^>]*>/gi, '\n')
    .replaceAll(/<[^>]*>/g, '');
  const lines = unescape(body)
    .split('\n')
    .map((line) => line.trim());
  return `${lines
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** One pass, so that `&amp;lt;` stays the text `&lt;`. */
function unescape(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (typeof name === 'string') return NAMED[name.toLowerCase()] ?? whole;
    const point = typeof decimal === 'string' ? Number(decimal) : Number.parseInt(String(hex), 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}
