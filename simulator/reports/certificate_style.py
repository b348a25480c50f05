"""The look of a certificate: one stylesheet, light and dark, on screen and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1a2330; --soft: #5a6675; --paper: #ffffff; --line: #d8dee6;
  --panel: #f5f7fa; --good: #0f6b3c; --bad: #a3201d; --open: #7a5300; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ecf3; --soft: #a3afbf; --paper: #12171f;
  --line: #2c3643; --panel: #1a212c; --good: #5fd39a; --bad: #ff8d85; --open: #f0c063; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { border: 1px solid var(--line); border-top: 6px solid var(--open); border-radius: 10px;
  background: var(--panel); padding: 1.5rem; }
header.passed { border-top-color: var(--good); } header.failed { border-top-color: var(--bad); }
.seal { float: right; margin: 0; font-size: 3rem; line-height: 1; color: var(--open); }
.passed .seal, .verdict.passed { color: var(--good); } .failed .seal, .verdict.failed { color: var(--bad); }
.verdict { color: var(--open); font-weight: 600; white-space: nowrap; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1.02rem; }
.torn { color: var(--bad); font-weight: 700; }
dl { margin: 1rem 0 0; }
dl > div { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr); gap: .25rem 1rem;
  padding: .3rem 0; border-top: 1px solid var(--line); }
dl.open > div { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; font-weight: 400;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-size: .85rem; } .number { font-variant-numeric: tabular-nums; }
article { border: 1px solid var(--line); border-left: 5px solid var(--open); border-radius: 8px;
  padding: 1rem 1.25rem; margin: 0 0 1rem; break-inside: avoid; }
article.error { border-left-color: var(--bad); }
.tag { display: inline-block; font-size: .75rem; padding: 0 .5rem; border-radius: 99px;
  border: 1px solid currentColor; color: var(--open); vertical-align: middle; }
.error .tag { color: var(--bad); }
.rule { margin: .25rem 0 0; color: var(--soft); } ul { margin: 0; padding-left: 1.1rem; }
pre { margin: .25rem 0 0; padding: .75rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; overflow-x: auto; font-size: .82rem; white-space: pre-wrap; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
summary { cursor: pointer; margin-top: .75rem; }
@media (max-width: 36rem) { dl > div, dl.open > div { grid-template-columns: 1fr; } }
@media print { main { max-width: none; padding: 0; } body, thead th { font-size: 11px; }
  h1 { font-size: 18px; } h2 { font-size: 14px; margin-top: 1.5rem; break-after: avoid; }
  header, .verdict, article { print-color-adjust: exact; } tr, dl > div { break-inside: avoid; } }
"""
