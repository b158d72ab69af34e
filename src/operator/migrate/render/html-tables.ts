import type { MigrationReport, TableReport, TableStatus } from '../report.ts';
import { byInterest, requiredWords, rowsHere } from './claims.ts';
import { markup, type Markup } from './html.ts';
import { bytes, count, duration, whole } from '../../../foundation/core/numbers.ts';

/** Every table of the source on its own line: what was read there, what is here, and the two sums that must agree. */
export function tablesSection(report: MigrationReport): Markup | null {
  if (report.tables.length === 0) return null;
  const resumed = report.attempts.length > 1;
  return markup`<section>
<h2>Tables</h2>
<p class="lead">Each row is hashed by Postgres itself, on both sides, and the hashes of a table are added up to 64 bits. Equal counts and equal sums mean equal content, but for one chance in 2<sup>64</sup>.</p>
<div class="wide"><table>
<thead><tr><th>Table</th><th>Status</th><th class="n">Rows in source</th><th class="n">Rows here</th><th class="n">Data</th><th class="n">Time</th><th>Copied as</th><th>Hash in source</th><th>Hash here</th></tr></thead>
<tbody>
${byInterest(report.tables).map((table) => tableRow(table, resumed))}</tbody>
<tfoot>${totalRow(report.tables)}</tfoot>
</table></div>
</section>`;
}

/** What is not known: not counted, not begun. */
const DASH = '–';

function tableRow(table: TableReport, resumed: boolean): Markup {
  const unequal = table.sourceRows !== null && table.sourceRows !== rowsHere(table);
  const begun = table.status !== 'not begun' && table.status !== 'rows left out';
  const cells = [
    markup`<td class="name"><bdi><code>${table.table}</code></bdi></td>`,
    markup`<td>${statusWord(table.status)}</td>`,
    markup`<td class="n">${table.sourceRows === null ? DASH : whole(table.sourceRows)}</td>`,
    markup`<td class="${unequal ? 'n unequal' : 'n'}">${whole(rowsHere(table))}</td>`,
    markup`<td class="n">${begun ? bytes(table.bytes) : DASH}</td>`,
    markup`<td class="n">${begun ? duration(table.seconds) : DASH}</td>`,
    markup`<td>${begun ? copiedAs(table, resumed) : DASH}</td>`,
    markup`<td class="hash">${table.sourceHash ?? DASH}</td>`,
    markup`<td class="hash">${table.targetHash ?? DASH}</td>`,
  ];
  const tone = table.status === 'differs' ? 'differs' : table.status === 'part-way' ? 'open' : '';
  return markup`<tr class="${tone}">${cells}</tr>\n`;
}

function totalRow(tables: readonly TableReport[]): Markup {
  const sum = (number: (table: TableReport) => number): number =>
    tables.reduce((total, table) => total + number(table), 0);
  const counted = tables.some(({ sourceRows }) => sourceRows !== null);
  const numbers = [
    counted ? whole(sum(({ sourceRows }) => sourceRows ?? 0)) : DASH,
    whole(sum(rowsHere)),
    bytes(sum((table) => table.bytes)),
    duration(sum(({ seconds }) => seconds)),
  ];
  return markup`<tr><td>${count(tables.length, 'table')}</td><td></td>${numbers.map((number) => markup`<td class="n">${number}</td>`)}<td></td><td></td><td></td></tr>`;
}

/** `binary`, `text, 4 parts`, `binary, run 2`: only what is not as usual is said. */
function copiedAs({ format, parts, attempt }: TableReport, resumed: boolean): string {
  const split = parts === 1 ? [] : [`${parts} parts`];
  return [format, ...split, ...(resumed && attempt !== null ? [`run ${attempt}`] : [])].join(', ');
}

/** The tables that the requirement names, on their own: somebody will look for exactly these. */
export function requiredSection(report: MigrationReport): Markup | null {
  const words = requiredWords(report);
  if (words === null) return null;
  const { present, absent } = report.required;
  return markup`<section>
<h2>The tables that must be there</h2>
<p class="lead">${words.text.split(';')[0] ?? ''}.</p>
<ul class="names">${present.map(({ table, status }) => requiredTable(table, status))}</ul>
${absent.length === 0 ? null : markup`<p class="after">Not in the source, so not here: ${absent.map((table, index) => markup`${index === 0 ? '' : ', '}<code>${table}</code>`)}.</p>`}
</section>`;
}

function requiredTable(table: string, status: TableStatus): Markup {
  const [mark, tone] = MARKS[status];
  const word = status === 'verified' ? null : markup`<span class="soft">${status}</span>`;
  return markup`<li><span class="${tone}">${mark}</span><code>${table}</code>${word}</li>`;
}

const MARKS: Readonly<Record<TableStatus, readonly [mark: string, tone: string]>> = {
  verified: ['✓', 'ok'],
  copied: ['•', 'soft'],
  differs: ['≠', 'bad'],
  'part-way': ['◐', 'warn'],
  'not begun': ['○', 'warn'],
  'rows left out': ['–', 'soft'],
};

function statusWord(status: TableStatus): Markup {
  const [mark, tone] = MARKS[status];
  return markup`<span class="status ${tone}">${mark} ${status}</span>`;
}
