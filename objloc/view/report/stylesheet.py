"""How the page looks: it carries its style, since it may not fetch any."""

STYLE = """
:root { color-scheme: light; --ink: #1f2328; --muted: #5f6771; --line: #e4e7eb; --paper: #fff;
  --ground: #f5f6f8; --agent: #0072b2; --blind: #d55e00; --ceiling: #009e73; --amber: #e69f00; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.5rem; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 0 0 .35rem; letter-spacing: -.005em; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 48rem; }
a { color: var(--agent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--amber); outline-offset: 2px; }
code, .hash { font: .86em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.muted, figcaption, .note { color: var(--muted); }
.note { font-size: .9rem; }
nav { position: sticky; top: 0; z-index: 2; background: rgb(245 246 248 / .95);
  border-bottom: 1px solid var(--line); margin-top: 1.25rem; }
nav ul { max-width: 66rem; margin: 0 auto; padding: .5rem 1.25rem; display: flex; gap: 1.1rem;
  list-style: none; overflow-x: auto; font-size: .92rem; }
nav a { text-decoration: none; white-space: nowrap; }
nav a:hover { text-decoration: underline; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.25rem 1.4rem 1.4rem; margin: 1.25rem 0; }
.verdict { font-size: 1.12rem; border-left: 5px solid var(--muted); padding: .1rem 0 .1rem .9rem;
  margin: 1rem 0 .5rem; }
.verdict.yes { border-color: var(--ceiling); }
.verdict.no { border-color: var(--blind); }
.verdict p { margin: 0; }
.cards { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr));
  margin: 1.1rem 0 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem;
  padding: .85rem 1rem .95rem; }
.card b { display: block; font-size: 1.9rem; line-height: 1.15;
  font-variant-numeric: tabular-nums; }
.card span { font-size: .85rem; color: var(--muted); display: block; }
.track { position: relative; height: .55rem; border-radius: .3rem; background: #e9edf1;
  margin: .55rem 0 .3rem; }
.track i { position: absolute; top: -.15rem; bottom: -.15rem; width: 3px; border-radius: 2px; }
.track .way { top: 0; bottom: 0; width: auto; background: #cfe3f2; border-radius: 0; }
.track .reach { top: .18rem; bottom: .18rem; width: auto; background: var(--agent); opacity: .55; }
.track .own { top: -.12rem; bottom: auto; width: .8rem; height: .8rem; margin-left: -.4rem;
  border-radius: 50%; background: var(--agent); }
.track .floor { background: var(--blind); }
.track .top { background: var(--ceiling); margin-left: -3px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 600; color: var(--muted); vertical-align: bottom; white-space: normal;
  line-height: 1.25; }
tbody tr.mean td { font-weight: 650; border-top: 2px solid var(--ink); }
td.words, table.facts td { text-align: left; white-space: normal; }
table.facts th { text-align: left; font-weight: 600; width: 11rem; white-space: normal;
  vertical-align: top; }
figure { margin: 1.4rem 0 0; }
figure img { width: 100%; height: auto; display: block; border: 1px solid var(--line);
  border-radius: .5rem; background: #fff; }
figcaption { font-size: .9rem; margin-top: .5rem; max-width: 50rem; }
figcaption b { color: var(--ink); }
details { border-bottom: 1px solid var(--line); }
details:first-of-type { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .55rem 0; display: grid; gap: .1rem .9rem;
  grid-template-columns: 1rem minmax(12rem, 1fr) auto; align-items: baseline; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "▸"; color: var(--muted); }
details[open] > summary::before { content: "▾"; }
summary .text { display: block; color: var(--muted); font-size: .88rem; }
summary .cost { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
summary .cost small { color: var(--muted); font-size: .85rem; }
.images { list-style: none; margin: 0 0 .9rem; padding: 0 0 0 1.9rem; display: flex;
  flex-wrap: wrap; gap: .35rem .5rem; font-size: .84rem; max-height: 20rem; overflow-y: auto; }
.images a { display: block; padding: .12rem .5rem; background: var(--ground); border-radius: .4rem;
  border: 1px solid var(--line); text-decoration: none; }
.images a:hover { border-color: var(--agent); }
.shots { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
  list-style: none; padding: 0; margin: .5rem 0 0; }
.shots img { width: 100%; aspect-ratio: 4 / 3; object-fit: contain; background: #16181c;
  display: block; border-radius: .45rem; }
.shots a { text-decoration: none; color: inherit; font-size: .86rem; }
.shots small { display: block; color: var(--muted); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .25em;
  vertical-align: -.05em; }
#closed { position: fixed; top: 0; left: 0; width: 0; height: 0; z-index: 3; }
.picture { display: none; }
.picture:target { display: flex; flex-direction: column; align-items: center;
  justify-content: center; gap: .8rem; position: fixed; inset: 0; margin: 0;
  padding: 1rem; background: rgb(22 24 28 / .96); }
.picture img { width: min(100%, 36rem); max-height: 74vh; object-fit: contain; border: 0;
  background: none; }
.picture figcaption, .picture figcaption b { color: #f4f6f9; }
.picture a { color: #8fd3ff; }
footer { color: var(--muted); font-size: .88rem; padding-bottom: 3rem; }
@media (max-width: 40rem) {
  body { font-size: 15px; } header, main, footer { padding-left: .85rem; padding-right: .85rem; }
  section { padding: 1rem .9rem 1.1rem; } h1 { font-size: 1.5rem; }
  summary { grid-template-columns: 1rem 1fr; } summary .cost { grid-column: 2; text-align: left; }
  .scroll td:first-child, .scroll th:first-child { position: sticky; left: 0;
    background: var(--paper); }
  .images { padding-left: 0; } nav ul { padding: .5rem .85rem; }
  figure:not(.picture) img { width: 38rem; max-width: none; } figure.wide img { width: 48rem; }
  table.facts th { width: 7.5rem; } .shots { grid-template-columns: repeat(2, 1fr); }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { nav, .picture { display: none; } section { break-inside: avoid; } }
"""
