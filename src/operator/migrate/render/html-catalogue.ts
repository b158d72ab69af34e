import type { CatalogueComparison } from '../compare-catalogues.ts';
import type { LeftOut } from '../plan/model.ts';
import type { MigrationReport } from '../report.ts';
import { groupByReason } from './claims.ts';
import { lines, markup, type Markup } from './html.ts';
import { count, whole } from '../../../foundation/core/numbers.ts';

/** A page with ten thousand definitions opens nowhere; the JSON report has them all. */
const DIFFERENCES_SHOWN = 200;
/** Longer lists are folded; they print unfolded. */
const NAMES_OPEN = 12;

/** Everything but rows: definitions, foreign keys, sequences. */
export function catalogueSection({ catalogue, foreignKeys, sequences }: MigrationReport): Markup | null {
  if (catalogue === null && foreignKeys === null && sequences === null) return null;
  return markup`<section>
<h2>Structure</h2>
${catalogue && comparison(catalogue)}
${foreignKeys && foreignKeyWords(foreignKeys)}
${sequences && sequenceWords(sequences)}
</section>`;
}

/** What stays behind, with the reason for each. */
export function leftOutSection(leftOut: readonly LeftOut[]): Markup {
  const lead =
    leftOut.length === 0
      ? 'Nothing was left out.'
      : 'Seen in the source and not made here, each for a reason. Decide for each whether you need it.';
  return markup`<section>
<h2>What did not come along</h2>
<p class="lead">${lead}</p>
${leftOut.length === 0 ? null : reasons(leftOut)}
</section>`;
}

function foreignKeyWords({ valid, asOnSource, notValid }: NonNullable<MigrationReport['foreignKeys']>): Markup {
  return markup`<h3>Foreign keys</h3>
<p>${whole(valid)} valid: Postgres has checked every row against them.</p>
${nameList('Not valid on the source either: it never checked its old rows against them', asOnSource)}
${nameList('Not valid, so not checked against the rows that were there', notValid)}`;
}

function sequenceWords({ set, behind }: NonNullable<MigrationReport['sequences']>): Markup {
  return markup`<h3>Sequences</h3>
<p>${count(set, 'sequence')} set to the source’s last value${behind.length === 0 ? '; none is behind.' : '.'}</p>
${nameList('Behind the source: the next value would be one that was given out already', behind)}`;
}

function comparison({ compared, equal, explained, different }: CatalogueComparison): Markup {
  const more = different.length - DIFFERENCES_SHOWN;
  return markup`<p class="lead">Columns, constraints, indexes, policies, grants, functions, triggers, publications: the definition of every object as the source’s server writes it, held against the definition here. ${count(compared, 'object')} compared, ${whole(equal)} equal, ${whole(explained.length)} explained, ${whole(different.length)} different.</p>
${different.length === 0 ? null : markup`<h3 class="bad">Different</h3>`}
${different.slice(0, DIFFERENCES_SHOWN).map(difference)}
${more > 0 ? markup`<p class="after">And ${whole(more)} more: all are in the JSON report.</p>` : null}
${explained.length === 0 ? null : markup`<h3>Explained</h3>${reasons(explained)}`}`;
}

function difference({ key, expected, found }: CatalogueComparison['different'][number]): Markup {
  const [left, right] = found === null ? [lines(cut(expected)), null] : sideBySide(expected, found);
  const here = right === null ? markup`<p class="missing">Missing</p>` : markup`<pre>${right}</pre>`;
  return markup`<div class="difference"><bdi><code>${key}</code></bdi><div class="sides"><div><span>In the source</span><pre>${left}</pre></div><div><span>Here</span>${here}</div></div></div>\n`;
}

/** Both texts with what lies between their common start and end marked. */
function sideBySide(left: string, right: string): [Markup, Markup] {
  const shorter = Math.min(left.length, right.length);
  let start = 0;
  while (start < shorter && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < shorter - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  // Whole words are marked, and no character of two code units is cut in half.
  const head = left.slice(0, start).replace(/[\w\uD800-\uDBFF]*$/, '');
  const tail = left.slice(left.length - end).replace(/^[\w\uDC00-\uDFFF]*/, '');
  const marked = (text: string): Markup => {
    const middle = cut(text.slice(head.length, text.length - tail.length));
    return markup`${lines(endOf(head))}<mark>${lines(middle)}</mark>${lines(cut(tail))}`;
  };
  return [marked(left), marked(right)];
}

/** Characters that show what surrounds a difference; a text of more than four times that is shortened. */
const AROUND = 2000;

function endOf(text: string): string {
  if (text.length <= AROUND) return text;
  return `… ${whole(text.length - AROUND / 2)} equal characters …\n${text.slice(-AROUND / 2)}`;
}

function cut(text: string): string {
  if (text.length <= AROUND * 4) return text;
  return `${text.slice(0, AROUND)}\n… ${whole(text.length - AROUND)} more characters`;
}

function reasons(list: readonly LeftOut[]): Markup {
  const groups = groupByReason(list);
  return markup`<dl class="reasons">${groups.map(({ why, keys }) => markup`<div><dt>${folded(keys)}</dt><dd>${why}</dd></div>\n`)}</dl>`;
}

function folded(keys: readonly string[]): Markup {
  const names = keys.map((key) => markup`<code><bdi>${key}</bdi></code>`);
  if (keys.length <= NAMES_OPEN) return markup`${names}`;
  return markup`<details><summary>${count(keys.length, 'object')}</summary>${names}</details>`;
}

function nameList(title: string, names: readonly string[]): Markup | null {
  return names.length === 0 ? null : reasons(names.map((key) => ({ key, why: title })));
}
