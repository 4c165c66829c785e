import { sha256 } from '../../crypto/hash.ts';

/** Both colour schemes; colour never carries meaning alone. */
export const STYLE = `
:root{color-scheme:light dark;--line:#c8ccd0;--quiet:#59626b;--life:#2f6f9f;--bad:#a4262c;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--line:#44494f;--quiet:#a3abb3;--life:#6db3e6;--bad:#ff8a8a;--warn:#f0c060}}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:0 auto;padding:1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem 1rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}thead th{color:var(--quiet)}code{font:.85em ui-monospace,monospace}header code{overflow-wrap:anywhere}
svg{width:14rem;max-width:100%;height:1rem;vertical-align:middle}
.rest{fill:var(--line)}.spent{fill:var(--life)}.due{stroke:var(--warn);stroke-width:1}
ol.track{display:flex;flex-wrap:wrap;list-style:none;gap:.2rem .8rem;padding:0;margin:.3rem 0}ol.track li+li::before{content:'→ ';color:var(--quiet)}
ol.track .ahead{color:var(--quiet)}[aria-current]{font-weight:600;text-decoration:underline}
.critical,.expired{color:var(--bad);font-weight:600}.warning{color:var(--warn);font-weight:600}
.quiet,.revoked,.superseded{color:var(--quiet)}.whole{white-space:nowrap}
a{color:var(--life)}nav a{margin-right:1rem;display:inline-block;padding:.2rem 0}.wide{overflow-x:auto}
:focus-visible{outline:3px solid var(--life);outline-offset:2px}
@media(max-width:60rem){
thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
table,tbody,tr,th,td{display:block}tr{border-bottom:1px solid var(--line);padding:.4rem 0}
th,td{border:0;padding:.1rem 0}td{display:grid;grid-template-columns:6.5rem minmax(0,1fr)}td>*{min-width:0}
td::before{content:attr(data-head);color:var(--quiet)}td code,td{overflow-wrap:anywhere}
}
`;

const digest = Buffer.from(sha256(new TextEncoder().encode(STYLE))).toString('base64');

/** Nothing but this very style: no script, no image, no form, no frame. */
export const POLICY = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
