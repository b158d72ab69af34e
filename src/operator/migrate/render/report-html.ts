import { createHash } from 'node:crypto';
import type { CommandWords } from '../errors.ts';
import type { LedgerAttempt } from '../ledger.ts';
import type { MigrationReport } from '../report.ts';
import { BARE_WORDS, consistencyWords, nextSteps, verdict, whyStopped, type Verdict } from './claims.ts';
import { markup, raw, type Markup } from './html.ts';
import { catalogueSection, leftOutSection } from './html-catalogue.ts';
import { STYLE } from './html-style.ts';
import { requiredSection, tablesSection } from './html-tables.ts';
import { bytes, duration, instant, whole } from '../../../foundation/core/numbers.ts';

/**
 * The report as one file that needs nothing else: no script, no request, no font. Its policy forbids all three, so that
 * a name in the database could do no harm even if an escape were missing.
 */
export function reportHtml(report: MigrationReport, words: CommandWords = BARE_WORDS): string {
  const judged = verdict(report);
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${judged.title} · migration to ${report.target}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<p class="kicker"><b>Vectabase</b> · migration report · run ${report.runId}</p>
${verdictBlock(judged, whyStopped(report))}
${figures(report)}
${facts(report)}
${requiredSection(report)}
${tablesSection(report)}
${catalogueSection(report)}
${leftOutSection(report.leftOut)}
${attempts(report)}
${whatNext(report, words)}
<footer><p>Made by Vectabase at ${instant(report.endedAt)} from the migration’s ledger, which lies in the target beside the rows. The same facts are in the JSON report of the same name. Characters that cannot be seen are shown as <code>\\u{…}</code>.</p></footer>
</main>
</body>
</html>
`.text;
}

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

function verdictBlock({ tone, title, sentence }: Verdict, why: string | null): Markup {
  const path = { ok: 'M14 23l7 7 13-14', warn: 'M24 13v14M24 34v.5', bad: 'M15 20h18M15 28h18M29 13L19 35' }[tone];
  return markup`<header class="verdict ${tone}">
<svg class="${tone}" viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3.2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><circle cx="24" cy="24" r="21.5" stroke-width="2" opacity=".45"/><path d="${path}"/></svg>
<h1 class="${tone}">${title}</h1>
<p>${sentence}</p>
${why === null ? null : markup`<p class="why">Why: ${why}</p>`}
</header>`;
}

/** The few numbers a reader asks for first. */
function figures({ tables, totals, catalogue, foreignKeys }: MigrationReport): Markup {
  const expected = tables.filter(({ status }) => status !== 'rows left out').length;
  const verified = tables.filter(({ status }) => status === 'verified').length;
  const of = (some: number, all: number): string => `${whole(some)} of ${whole(all)}`;
  const list = [
    ['tables verified', of(verified, expected)],
    ['rows copied', whole(totals.rows)],
    ['data copied', bytes(totals.bytes)],
    ...(catalogue
      ? [['objects accounted for', of(catalogue.equal + catalogue.explained.length, catalogue.compared)]]
      : []),
    ...(foreignKeys
      ? [
          [
            'foreign keys valid',
            of(foreignKeys.valid, foreignKeys.valid + foreignKeys.asOnSource.length + foreignKeys.notValid.length),
          ],
        ]
      : []),
    ['from start to end', duration(totals.seconds)],
  ];
  return markup`<dl class="figures">${list.map(([name = '', value = '']) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function facts(report: MigrationReport): Markup {
  const consistency = consistencyWords(report);
  return markup`<dl class="facts">
<dt>From</dt><dd><code>${report.source}</code></dd>
<dt>To</dt><dd><code>${report.target}</code></dd>
<dt>When</dt><dd>${instant(report.startedAt)} to ${instant(report.endedAt)}</dd>
<dt>State of the source</dt><dd><strong>${consistency.label}.</strong> ${consistency.text}</dd>
</dl>`;
}

function attempts(report: MigrationReport): Markup | null {
  if (report.attempts.length === 0) return null;
  const last = report.attempts.length - 1;
  return markup`<section>
<h2>Attempts</h2>
<p class="lead">Each attempt reads under one snapshot of the source: the state of all tables at one position of its log.</p>
<div class="wide"><table>
<thead><tr><th class="n">Attempt</th><th>Snapshot at</th><th>Log position</th><th>Started</th><th>Ended</th><th>Outcome</th></tr></thead>
<tbody>
${report.attempts.map((attempt, index) => attemptRow(attempt, index === last ? report : null))}</tbody>
</table></div>
</section>`;
}

/** The last attempt's end is written after the report that goes into it: the report knows it better. */
function attemptRow(attempt: LedgerAttempt, report: MigrationReport | null): Markup {
  const ended = attempt.endedAt ?? report?.endedAt ?? null;
  const cells = [
    instant(attempt.startedAt),
    ended === null ? '–' : instant(ended),
    attempt.outcome ?? report?.outcome ?? 'no end recorded: interrupted',
  ];
  return markup`<tr><td class="n">${attempt.attempt}</td><td>${instant(attempt.snapshotAt)}</td><td class="hash">${attempt.snapshotLsn}</td>${cells.map((cell) => markup`<td>${cell}</td>`)}</tr>\n`;
}

function whatNext(report: MigrationReport, words: CommandWords): Markup {
  const steps = nextSteps(report, words).map(
    ({ text, command }) => markup`<li>${text}${command === null ? null : markup`<pre>${command}</pre>`}</li>\n`,
  );
  const flags = markup`<p class="after">With the same <code>--dir</code>, <code>--source-file</code> and <code>--target-file</code> as the migration had, where it had any.</p>`;
  return markup`<section>
<h2>What to do next</h2>
<ol class="next">${steps}</ol>
${words === BARE_WORDS ? flags : null}
</section>`;
}
