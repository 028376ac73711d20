// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/report_page.h"

#include <fmt/format.h>

namespace takt {
namespace {

constexpr std::string_view kLight = R"(color-scheme: light;
--page: #fbfbf9; --surface: #ffffff; --sunken: #f1f2f0; --ink: #16191d; --soft: #59626c; --hair: #e3e5e4; --rule: #b9bec2;
--accent: #1d5c9e; --good: #1c7548; --good-wash: #e6f3ec; --bad: #a8500a; --bad-wash: #fbeedf;
--s1: #2166ac; --s2: #c4541b; --s3: #2f8a5b; --s4: #8a4ea3; --s5: #a87b00; --s6: #5f6b76;)";

constexpr std::string_view kDark = R"(color-scheme: dark;
--page: #101316; --surface: #171b1f; --sunken: #1e2328; --ink: #e9ebed; --soft: #9ba5af; --hair: #292f35; --rule: #4a535c;
--accent: #82b8ee; --good: #63c795; --good-wash: #16291f; --bad: #eaa656; --bad-wash: #2e2113;
--s1: #6fabe8; --s2: #f0935c; --s3: #68c495; --s4: #c697e0; --s5: #dcb44e; --s6: #9aa6b1;)";

constexpr std::string_view kLayout = R"(
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--ink); font: 400 1rem/1.6 Inter, system-ui, -apple-system,
  "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-feature-settings: "cv11", "ss03"; }
header, main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.25rem; }
.top { display: flex; align-items: center; justify-content: space-between; min-height: 2.5rem; }
.kicker { margin: 0; color: var(--soft); font-size: .875rem; letter-spacing: .01em; }
h1 { margin: .5rem 0 0; font-size: clamp(1.75rem, 1.2rem + 2.4vw, 2.625rem); line-height: 1.15; font-weight: 650;
  letter-spacing: -.022em; text-wrap: balance; }
.summary { margin: 1rem 0 0; max-width: 44rem; font-size: 1.1875rem; line-height: 1.55; color: var(--soft); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: 1.75rem 0 0; padding: .875rem 0 0; list-style: none;
  border-top: 1px solid var(--hair); font-size: .9375rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; text-underline-offset: .2em; }
main { padding-top: .5rem; padding-bottom: 3rem; }
section { margin-top: 3.5rem; }
h2 { margin: 0 0 1rem; font-size: 1.4375rem; line-height: 1.3; font-weight: 620; letter-spacing: -.014em;
  scroll-margin-top: 1.5rem; }
p { margin: 0 0 1.25rem; max-width: 44rem; }
small { font-size: .8125rem; color: var(--soft); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
#theme { display: inline-grid; place-items: center; width: 2.5rem; height: 2.5rem; padding: 0; border: 1px solid var(--hair);
  border-radius: 50%; background: var(--surface); color: var(--soft); cursor: pointer; }
#theme[hidden] { display: none; }
#theme:hover { color: var(--ink); border-color: var(--rule); }
#theme circle { fill: none; stroke: currentColor; stroke-width: 1.6; }
#theme path { fill: currentColor; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1px; margin: 2.25rem 0 0; padding: 0;
  border: 1px solid var(--hair); border-radius: 12px; overflow: hidden; background: var(--hair); }
.tile { padding: 1.125rem 1.25rem 1.25rem; background: var(--surface); }
.tile dt { display: flex; justify-content: space-between; gap: .5rem; min-height: 1.25rem;
  font-size: .875rem; color: var(--soft); line-height: 1.4; }
.tile dd { margin: 0; }
.value { margin-top: .375rem !important; font-size: 1.75rem; line-height: 1.2; font-weight: 600; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.note { margin-top: .25rem !important; font-size: .875rem; color: var(--soft); }
.mark { flex: none; width: 1.25rem; height: 1.25rem; border-radius: 50%; font-size: .8125rem; line-height: 1.25rem;
  font-weight: 700; text-align: center; }
.ok .mark { background: var(--good-wash); color: var(--good); }
.warn .mark { background: var(--bad-wash); color: var(--bad); }
.warn .value { color: var(--bad); }

.scroll { margin: 0 0 1.75rem; overflow-x: auto; }
table { min-width: min(100%, 38rem); border-collapse: collapse; font-size: .9375rem; line-height: 1.45; }
caption { padding: 0 0 .625rem; text-align: left; color: var(--soft); font-size: .9375rem; }
caption span { display: block; max-width: min(44rem, calc(100vw - 2.25rem)); }
th, td { padding: .625rem 2rem .625rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--hair); }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom-color: var(--rule); color: var(--soft); font-weight: 500; font-size: .875rem; vertical-align: bottom; }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.budgets { width: 100%; }
.budgets small { display: block; }
.budgets .reason { min-width: 8rem; white-space: normal; }
.budgets tbody th::first-letter { text-transform: uppercase; }
.verdict { display: inline-block; padding: .0625rem .5625rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600;
  background: var(--sunken); color: var(--soft); }
.verdict.kept { background: var(--good-wash); color: var(--good); }
.verdict.broken { background: var(--bad-wash); color: var(--bad); }
.usage { display: block; width: 6.5rem; height: 4px; margin: .375rem 0 .125rem auto; border-radius: 2px; fill: var(--good); }
.usage.broken { fill: var(--bad); }
.track { fill: var(--sunken); }

pre { margin: 0 0 1.5rem; padding: .875rem 1.125rem; overflow-x: auto; border: 1px solid var(--hair); border-radius: 10px;
  background: var(--sunken); font: .875rem/1.55 ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas,
  "DejaVu Sans Mono", monospace; tab-size: 2; }
details { font-size: .9375rem; }
summary { width: fit-content; cursor: pointer; color: var(--soft); border-radius: 4px; }
summary:hover { color: var(--ink); }
.more { margin: 0 0 1rem; padding: .75rem 0 0; border-top: 1px solid var(--hair); }
.more summary { color: var(--ink); font-weight: 500; }
.more pre { margin-top: .75rem; max-height: 32rem; }

figure { margin: 0 0 2rem; }
figcaption { max-width: 44rem; margin-top: .75rem; color: var(--soft); font-size: .9375rem; line-height: 1.5; }
.plot { padding: 1.25rem 1.375rem 1.125rem; border: 1px solid var(--hair); border-radius: 12px; background: var(--surface); }
.plot figcaption { margin: 0 0 .5rem; color: var(--ink); font-weight: 600; font-size: 1rem; }
.plot > svg { display: block; width: 100%; height: auto; overflow: visible; }
.plot > svg.narrow { display: none; max-width: 34rem; }
.plot details { margin-top: .75rem; font-size: .875rem; }
.plot details .scroll { max-height: 20rem; margin: .5rem 0 0; overflow-y: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.375rem; margin: 0 0 1rem; padding: 0; list-style: none;
  font-size: .875rem; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: .5rem; }
.plot text { font-size: 13px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.plot text.label { fill: var(--ink); font-size: 14px; }
.plot text.note { fill: var(--ink); font-size: 12.5px; paint-order: stroke; stroke: var(--surface); stroke-width: 4px;
  stroke-linejoin: round; }
.plot .grid { stroke: var(--hair); }
.plot .base { stroke: var(--rule); }
.plot .reference { stroke: var(--ink); stroke-dasharray: 2 4; stroke-linecap: round; opacity: .75; }
.plot .curve { fill: none; stroke: var(--s); stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.plot .curve.dense { stroke-width: 1; stroke-dasharray: none; }
.series { fill: var(--s); }
.s1 { --s: var(--s1); } .s2 { --s: var(--s2); } .s3 { --s: var(--s3); }
.s4 { --s: var(--s4); } .s5 { --s: var(--s5); } .s6 { --s: var(--s6); }
.s2 .curve { stroke-dasharray: 8 5; } .s3 .curve { stroke-dasharray: 1.5 5; } .s4 .curve { stroke-dasharray: 12 4 2 4; }
.s5 .curve { stroke-dasharray: 5 3; } .s6 .curve { stroke-dasharray: 14 6; }

.grid { display: grid; gap: 1.25rem 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.grid.one { grid-template-columns: minmax(0, max-content); }
.grid.two { grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); }
.grid.four { grid-template-columns: repeat(auto-fit, minmax(min(100%, 12.5rem), 1fr)); }
.picture { min-width: 0; }
.zoom { display: block; width: 100%; padding: 0; border: 0; background: none; cursor: zoom-in; }
.pictures img { display: block; width: 100%; height: auto; border-radius: 8px; background: var(--sunken); }
.grid.one img { width: auto; max-width: 100%; }
.picture .tag { display: block; margin-top: .5rem; font-size: .875rem; line-height: 1.4; color: var(--soft); }
.compare { --cut: 50%; position: relative; max-width: 44rem; overflow: hidden; border-radius: 10px; }
.compare.tall { max-width: 30rem; }
.compare img { border-radius: 0; }
.compare .over { position: absolute; inset: 0; height: 100%; clip-path: inset(0 calc(100% - var(--cut)) 0 0); }
.compare .tag { position: absolute; bottom: .75rem; padding: .125rem .625rem; border-radius: 1rem; font-size: .8125rem;
  background: rgb(16 19 22 / .72); color: #fff; }
.compare .left { left: .75rem; } .compare .right { right: .75rem; }
.compare input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
  touch-action: pan-y; }
.handle { position: absolute; top: 0; bottom: 0; left: var(--cut); width: 2px; margin-left: -1px; background: #fff;
  box-shadow: 0 0 0 1px rgb(0 0 0 / .2); pointer-events: none; }
.handle::before { content: "\2039\2009\203A"; position: absolute; top: 50%; left: 50%; width: 2.25rem; height: 2.25rem;
  margin: -1.125rem; border-radius: 50%; background: #fff; color: #30363c; font-size: 1.25rem; line-height: 2rem;
  text-align: center; box-shadow: 0 1px 5px rgb(0 0 0 / .35); }
.compare input:focus-visible + .handle::before { outline: 3px solid var(--accent); outline-offset: 2px; }
#zoom { max-width: 96vw; max-height: 96vh; padding: 0; border: 0; background: none; }
#zoom button { display: block; padding: 0; border: 0; background: none; cursor: zoom-out; }
#zoom img { display: block; max-width: 96vw; max-height: 96vh; min-width: min(70vmin, 40rem); border-radius: 6px;
  object-fit: contain; background: var(--sunken); }
#zoom::backdrop { background: rgb(10 12 14 / .86); }
footer { padding-top: 1.5rem; padding-bottom: 3rem; color: var(--soft); font-size: .875rem; }
footer p { max-width: none; padding-top: 1.25rem; border-top: 1px solid var(--hair); overflow-wrap: anywhere; }

@media (max-width: 47rem) {
  header, main, footer { padding-left: 1.125rem; padding-right: 1.125rem; }
  header { padding-top: 1rem; }
  section { margin-top: 2.75rem; }
  .summary { font-size: 1.0625rem; }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
  .tile { padding: .875rem 1rem 1rem; }
  .value { font-size: 1.4375rem; }
  th, td { padding-right: 1.25rem; }
  .plot { padding: 1rem; }
  .plot > svg.wide { display: none; }
  .plot > svg.narrow { display: block; }
  .grid.four { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .875rem .75rem; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  #theme, nav, .compare input, .handle { display: none; }
  section, figure, tr { break-inside: avoid; }
  body { font-size: 10.5pt; }
}
)";

// The theme is set before the first paint; the rest waits for the page. localStorage may be forbidden for local files.
constexpr std::string_view kScript = R"((() => {
  const root = document.documentElement, key = 'takt-theme';
  const remember = (value) => { try { localStorage.setItem(key, value); } catch (e) { /* private */ } };
  const recall = () => { try { return localStorage.getItem(key); } catch (e) { return null; } };
  const theme = recall();
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  document.addEventListener('DOMContentLoaded', () => {
    const toggle = document.getElementById('theme');
    toggle.hidden = false;
    toggle.addEventListener('click', () => {
      const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
      root.dataset.theme = dark ? 'light' : 'dark';
      remember(root.dataset.theme);
    });
    for (const slider of document.querySelectorAll('.compare input')) {
      const cut = () => slider.parentElement.style.setProperty('--cut', slider.value + '%');
      slider.addEventListener('input', cut);
      cut();
    }
    const zoom = document.getElementById('zoom'), large = zoom.querySelector('img');
    for (const button of document.querySelectorAll('.zoom')) {
      button.addEventListener('click', () => {
        const picture = button.querySelector('img');
        large.src = picture.src;
        large.alt = picture.alt;
        zoom.showModal();
      });
    }
    zoom.addEventListener('click', () => zoom.close());
  });
})();)";

}  // namespace

std::string ReportStyle() {
  return fmt::format(
      ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n"
      ":root[data-theme=\"light\"] {{ {} }}\n:root[data-theme=\"dark\"] {{ {} }}\n"
      "@media print {{ :root, :root[data-theme=\"dark\"] {{ {} }} }}{}",
      kLight, kDark, kLight, kDark, kLight, kLayout);
}

std::string_view ReportScript() { return kScript; }

}  // namespace takt
