/** The style sheet of the page, light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --line: #e3e6ec; --paper: #ffffff;
  --ours: #2563a8; --theirs: #c98a2b; --good: #1e7f5c; --bad: #b3402e; --l2: #7a4fa3; --l3: #1e7f5c; --l4: #b3402e;
  --l5: #667085; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa4b5; --line: #2c3340; --paper: #14181f;
  --ours: #6ea8e8; --theirs: #e0ab5b; --good: #5cc49a; --bad: #ea8473; --l2: #b892dd; --l3: #5cc49a; --l4: #ea8473;
  --l5: #9aa4b5; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1080px;
  margin: 32px auto; padding: 0 20px; }
h1 { font-size: 28px; margin: 0 0 4px; } h2 { font-size: 20px; margin: 44px 0 8px; }
h3 { font-size: 15px; margin: 22px 0 6px; } p.lead, .legend, figcaption { color: var(--soft); }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } td:first-child, th:first-child { text-align: left; padding-left: 0; }
.wide { overflow-x: auto; } .bad { color: var(--bad); } .good { color: var(--good); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; } code { font: 13px ui-monospace, monospace; }
svg { max-width: 100%; height: auto; display: block; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg text.value { fill: var(--ink); } .ours { fill: var(--ours); } .theirs { fill: var(--theirs); }
.mark { stroke: var(--bad); stroke-dasharray: 4 3; } .grid { stroke: var(--line); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 20px; }
.plots figure { margin: 0; } .legend { font-size: 12px; margin: 2px 0 0; }
.key::before { content: ''; display: inline-block; width: 10px; height: 3px; margin-right: 5px; vertical-align: middle;
  background: var(--key); }
.key { margin-right: 10px; } .line { fill: none; stroke: var(--key); stroke-width: 1.6; } .dot { fill: var(--key); }
.l0 { --key: var(--ours); } .l1 { --key: var(--theirs); } .l2 { --key: var(--l2); } .l3 { --key: var(--l3); }
.l4 { --key: var(--l4); } .l5 { --key: var(--l5); } .line.dashed { stroke-dasharray: 4 3; }
.dot.dashed { opacity: 0.5; }
`
