import { sha256 } from '../../crypto/hash.ts';

/** Both colour schemes; colour never carries meaning alone. */
export const STYLE = `
:root{color-scheme:light dark;--line:#c8ccd0;--quiet:#59626b;--life:#2f6f9f;--bad:#a4262c;--warn:#8a5a00}
@media(prefers-color-scheme:dark){:root{--line:#44494f;--quiet:#a3abb3;--life:#6db3e6;--bad:#ff8a8a;--warn:#f0c060}}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--quiet)}code{font:.9em ui-monospace,monospace}header code{overflow-wrap:anywhere}
td code{display:inline-block;min-width:20ch}
svg{width:14rem;height:1rem;vertical-align:middle}
.rest{fill:var(--line)}.spent{fill:var(--life)}.due{stroke:var(--warn);stroke-width:1}
.critical{color:var(--bad);font-weight:600}.warning{color:var(--warn);font-weight:600}.quiet{color:var(--quiet)}
nav a{margin-right:1rem}.wide{overflow-x:auto}
`;

const digest = Buffer.from(sha256(new TextEncoder().encode(STYLE))).toString('base64');

/** Nothing but this very style: no script, no image, no form, no frame. */
export const POLICY = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
