"""The look of the report: light and dark, wide and narrow."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #ffffff; --ink: #1d2430; --soft: #5d6675; --line: #e3e0d8;
  --band: #ece6d6; --c0: #2e5eaa; --c1: #c2570c; --c2: #2f7d4f; --c3: #8a4ba8; --c4: #a3303f; --c5: #5b6b78; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --card: #1c2027; --ink: #e6e8ec; --soft: #9aa3b2;
  --line: #313742; --band: #2b2a26; --c0: #82aaf0; --c1: #f0a35e; --c2: #79c79a; --c3: #c79be0; --c4: #ec8b96;
  --c5: #a9b6c2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 40px 24px 72px; }
h1, h2, h3 { font-family: Georgia, "Iowan Old Style", "DejaVu Serif", serif; font-weight: 600; line-height: 1.2;
  overflow-wrap: anywhere; }
h1 { font-size: 34px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 26px; margin: 52px 0 12px; padding-top: 24px; border-top: 1px solid var(--line); }
h3 { font-size: 19px; margin: 34px 0 8px; }
h4 { font-size: 14px; margin: 18px 0 6px; color: var(--soft); }
p { margin: 0 0 12px; max-width: 75ch; }
.lead { color: var(--soft); font-size: 17px; }
.note, figcaption { color: var(--soft); font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; }
figure { margin: 0 0 16px; }
figcaption { margin-top: 4px; }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0 0 14px; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 440px; overflow-y: auto; }
details { margin-bottom: 12px; }
summary { cursor: pointer; color: var(--c0); margin-bottom: 6px; }
:focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 18px 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; }
.tiles b { display: block; font-size: 20px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 13px; line-height: 1.3; display: block; }

.wide { overflow-x: auto; margin-bottom: 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 22px 4px 0; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: normal; color: var(--soft); }
.wide tr > th:first-child { white-space: nowrap; }
td.passage { min-width: 220px; overflow-wrap: anywhere; }
td.differs { color: var(--c1); }

.axis { color: var(--soft); font-size: 13px; margin: 0 0 10px; max-width: none; }
.axis b { color: var(--ink); font-size: 15px; margin-right: 6px; }
.axis.across { text-align: center; margin: 26px 0 0 54px; }
.plot { position: relative; height: 300px; margin-left: 54px; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot span { position: absolute; color: var(--soft); font-size: 12px; line-height: 1; white-space: nowrap; }
.plot .y { right: calc(100% + 8px); transform: translateY(50%); }
.plot .x { top: calc(100% + 8px); transform: translateX(-50%); }
svg path { vector-effect: non-scaling-stroke; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke: currentColor; }
.dot { fill: none; stroke-width: 7; stroke-linecap: round; stroke: currentColor; }
.grid { stroke: var(--line); fill: none; }
.band { fill: var(--band); }
.published { color: var(--soft); }
.line.published { stroke-width: 1.5; stroke-dasharray: 5 4; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.legend { list-style: none; padding: 0; margin: 10px 0 0; display: flex; flex-wrap: wrap; gap: 4px 20px;
  font-size: 14px; }
.legend li { overflow-wrap: anywhere; }
.legend svg { width: 28px; height: 10px; margin-right: 6px; }

.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 14px; }
.strip img { display: block; width: 100%; height: auto; border-radius: 6px; background: #181818; }

@media (max-width: 620px) {
  main { padding: 22px 14px 48px; }
  h1 { font-size: 27px; }
  .card { padding: 12px; }
  .plot { height: 220px; margin-left: 46px; }
  .strip { grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 10px; }
  th, td { padding-right: 14px; }
}
"""
