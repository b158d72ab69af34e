import type { Reply } from '../message.ts';
import { escapeHtml } from './escape.ts';

/**
 * A page between a letter's link and what it does, for mailboxes whose scanners follow every link: they do not press
 * buttons. It needs no script.
 *
 * @param query of the link, sent on as it came
 */
export function confirmPage(query: string): Reply {
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Confirm</title>
<style>body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;background:#f4f4f2}
form{background:#fff;border:1px solid #e2e2de;border-radius:8px;padding:28px;text-align:center}
button{font:inherit;padding:10px 24px;border:0;border-radius:6px;background:#1c1c1a;color:#fff;cursor:pointer}</style>
<form method="post" action="verify/confirmed?${escapeHtml(query)}"><p>Go on to confirm.</p><button autofocus>Continue</button></form>
</html>`;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
  return { status: 200, html, headers: [['Content-Security-Policy', policy]] };
}
