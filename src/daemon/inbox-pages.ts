import { escapeHtml } from '../services/auth/mail/escape.ts';
import type { StoredLetter } from '../services/auth/mail/transport.ts';

/** All letters, newest first. `base` is the path of the inbox, with its key. */
export function listPage(base: string, letters: readonly StoredLetter[]): string {
  const rows = letters.map(
    ({ id, subject, to, sentAt }) => `<li><a href="${escapeHtml(base)}/${escapeHtml(id)}">
<b>${escapeHtml(subject)}</b><span>${escapeHtml(to)}</span><time>${time(sentAt)}</time></a></li>`,
  );
  const empty = '<p class="empty">No letters yet. They appear here as they are sent.</p>';
  return page('Inbox', `<h1>Inbox</h1>${letters.length === 0 ? empty : `<ul>${rows.join('')}</ul>`}`);
}

export function letterPage(base: string, { id, subject, from, to, sentAt }: StoredLetter): string {
  return page(
    subject,
    `<p><a href="${escapeHtml(base)}">← Inbox</a></p>
<h1>${escapeHtml(subject)}</h1>
<dl><dt>From</dt><dd>${escapeHtml(from.name)} &lt;${escapeHtml(from.address)}&gt;</dd>
<dt>To</dt><dd>${escapeHtml(to)}</dd><dt>Sent</dt><dd>${time(sentAt)}</dd></dl>
<iframe title="The letter" sandbox="allow-top-navigation-by-user-activation" src="${escapeHtml(base)}/${escapeHtml(id)}/body"></iframe>`,
  );
}

function time(iso: string): string {
  return escapeHtml(iso.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'));
}

const STYLE = `
:root { color-scheme: light dark; --line: #8883; --dim: #777 }
body { margin: 0 auto; max-width: 760px; padding: 32px 24px; font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 22px; margin: 0 0 16px }
a { color: inherit }
ul { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line) }
li a { display: grid; grid-template-columns: 1fr auto; gap: 0 16px; padding: 12px 4px; text-decoration: none;
  border-bottom: 1px solid var(--line) }
li a:hover b { text-decoration: underline }
li b { grid-column: 1 / -1; font-weight: 600; overflow-wrap: anywhere }
li span, time, dt, .empty { color: var(--dim) }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 16px; margin: 0 0 20px }
dd { margin: 0; overflow-wrap: anywhere }
iframe { width: 100%; height: 70vh; border: 1px solid var(--line); border-radius: 8px; background: #fff }`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>${STYLE}</style></head>
<body>${body}</body>
</html>
`;
}
