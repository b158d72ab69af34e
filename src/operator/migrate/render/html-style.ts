/** The look of the page. Colours carry no meaning alone: every status also has its mark and its word. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #faf9f6; --card: #fff; --ink: #1d1e1b; --soft: #66675f; --line: #e5e3db; --faint: #f4f2ec;
  --ok: #1d7a4c; --ok-bg: #edf6f0; --warn: #8a5a00; --warn-bg: #fcf4e2; --bad: #b3322a; --bad-bg: #fcefed;
  --mark: #ffe2a8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141513; --card: #1b1c1a; --ink: #e9e7e1; --soft: #9d9c93; --line: #2f302c; --faint: #222320;
    --ok: #72cb9a; --ok-bg: #16251c; --warn: #e0b055; --warn-bg: #292113; --bad: #f0938a; --bad-bg: #2d1917;
    --mark: #5c4512;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1240px; margin: 0 auto; padding: 44px 28px 72px; }
.kicker { margin: 0 0 14px; color: var(--soft); font-size: 13px; }
.kicker b { color: var(--ink); font-weight: 600; }
h1, h2, h3, p, dl, dd, ul, ol, figure { margin: 0; }
h2 { margin: 52px 0 6px; font-size: 20px; line-height: 1.3; font-weight: 620; letter-spacing: -0.01em; }
h3 { margin: 22px 0 8px; font-size: 15px; font-weight: 620; }
.lead { max-width: 76ch; color: var(--soft); margin-bottom: 16px; }
code, pre, .hash { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 0.87em; }
code { overflow-wrap: anywhere; }
bdi { unicode-bidi: isolate; }

.verdict { display: grid; grid-template-columns: auto 1fr; gap: 6px 20px; padding: 26px 28px; border: 1px solid; border-radius: 14px; }
.verdict svg { width: 44px; height: 44px; grid-row: span 2; margin-top: 2px; }
.verdict h1, .verdict p { grid-column: 2; }
.verdict h1 { font-size: 30px; line-height: 1.2; font-weight: 660; letter-spacing: -0.02em; }
.verdict p { max-width: 72ch; font-size: 17px; line-height: 1.5; color: var(--ink); overflow-wrap: anywhere; }
.verdict .why { font-size: 15px; color: var(--soft); }
.ok { color: var(--ok); } .warn { color: var(--warn); } .bad { color: var(--bad); } .soft { color: var(--soft); }
.verdict.ok { background: var(--ok-bg); border-color: color-mix(in srgb, var(--ok) 26%, transparent); }
.verdict.warn { background: var(--warn-bg); border-color: color-mix(in srgb, var(--warn) 26%, transparent); }
.verdict.bad { background: var(--bad-bg); border-color: color-mix(in srgb, var(--bad) 26%, transparent); }

.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin: 22px 0 0; border: 1px solid var(--line); border-radius: 14px; background: var(--card); overflow: hidden; }
.figures div { padding: 16px 20px; box-shadow: -1px -1px 0 0 var(--line); display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.figures dt { color: var(--soft); font-size: 13px; line-height: 1.4; }
.figures dd { font-size: 22px; line-height: 1.35; font-weight: 620; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }

.facts { display: grid; grid-template-columns: max-content 1fr; gap: 7px 24px; margin: 26px 0 0; padding: 0 2px; }
.facts dt { color: var(--soft); }
.facts dd { min-width: 0; max-width: 86ch; overflow-wrap: anywhere; }

.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 14px; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th { text-align: left; font-weight: 500; font-size: 12.5px; color: var(--soft); padding: 11px 9px 9px; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 7px 9px; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
tfoot td { border-top: 1px solid var(--line); border-bottom: 0; font-weight: 600; padding: 11px 9px; }
td:first-child, th:first-child { padding-left: 18px; } td:last-child, th:last-child { padding-right: 18px; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.status { white-space: nowrap; } tr.differs .status, tr.open .status { font-weight: 600; }
.name { min-width: 220px; } td { white-space: nowrap; } td.name { white-space: normal; } .name code { font-size: 0.93em; }
.hash { white-space: nowrap; color: var(--soft); font-size: 12px; padding-top: 9px; }
tr.differs { background: var(--bad-bg); } tr.differs .hash { color: var(--bad); }
tr.open { background: var(--warn-bg); }
.unequal { color: var(--bad); font-weight: 650; }

.names { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 0 24px; list-style: none; padding: 14px 20px; border: 1px solid var(--line); border-radius: 14px; background: var(--card); }
.names li { display: flex; gap: 10px; padding: 4px 0; align-items: baseline; min-width: 0; }
.names li > span { flex: none; } .names .soft { font-size: 13px; }
.after { margin-top: 10px; color: var(--soft); max-width: 86ch; }

.reasons { border: 1px solid var(--line); border-radius: 14px; background: var(--card); }
.reasons > div { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 4fr); gap: 8px 28px; padding: 12px 20px; border-top: 1px solid var(--line); }
p + .reasons { margin-top: 10px; }
.reasons > div:first-child { border-top: 0; }
.reasons dd { color: var(--soft); overflow-wrap: anywhere; }
.reasons code { display: block; padding: 1px 0; }
summary { cursor: pointer; color: var(--soft); }

.difference { border: 1px solid var(--line); border-radius: 14px; background: var(--card); margin-top: 12px; padding: 14px 20px 18px; break-inside: avoid; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; margin-top: 10px; }
.sides > div { min-width: 0; }
.sides span { color: var(--soft); font-size: 12.5px; }
pre { margin: 4px 0 0; padding: 11px 13px; background: var(--faint); border-radius: 9px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; unicode-bidi: isolate; }
mark { background: var(--mark); color: inherit; border-radius: 3px; }
.missing { color: var(--bad); font-weight: 600; padding: 11px 0; }

.next { padding-left: 24px; max-width: 86ch; }
.next li { padding: 5px 0 5px 4px; }
.next li::marker { color: var(--soft); }
.next pre { display: table; max-width: 100%; }
footer { margin-top: 60px; padding-top: 18px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; max-width: none; }
footer p { max-width: 92ch; }

@media (max-width: 720px) {
  main { padding: 22px 16px 48px; }
  .verdict { padding: 20px; grid-template-columns: 1fr; } .verdict h1, .verdict p { grid-column: 1; } .verdict svg { grid-row: auto; } .verdict h1 { font-size: 25px; }
  .sides, .reasons > div, .facts { grid-template-columns: 1fr; } .facts { gap: 0; } .facts dd { padding-bottom: 10px; }
}
@page { size: A4; margin: 14mm 12mm; }
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #555; --line: #ccc; --faint: #f4f4f4; --ok: #14613b; --ok-bg: #fff; --warn: #7a4f00; --warn-bg: #fff; --bad: #9c241d; --bad-bg: #fff; --mark: #e6e6e6; }
  body { font-size: 9.5pt; } main { max-width: none; padding: 0; }
  h2 { margin-top: 26px; font-size: 13pt; break-after: avoid; } .verdict h1 { font-size: 19pt; } .verdict p { font-size: 11pt; }
  .figures dd { font-size: 13pt; } .figures div { padding: 9px 12px; } .figures { grid-template-columns: repeat(6, auto); }
  .wide { overflow: visible; border-radius: 0; border-width: 1px 0; } table { font-size: 7.5pt; } th { font-size: 7pt; } td, th, tfoot td { padding: 3px 5px; }
  td:first-child, th:first-child { padding-left: 0; } .name { min-width: 172px; } .name code { font-size: 6.8pt; } th { white-space: normal; } .hash { font-size: 6.5pt; padding-top: 4px; }
  tr, li, .reasons > div { break-inside: avoid; } thead { display: table-header-group; } tfoot { display: table-row-group; }
  details::details-content { content-visibility: visible; block-size: auto; } summary { display: none; }
}
`;
