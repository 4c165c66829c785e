import { createServer, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { step } from '../rollover/driver.ts';
import { describeWith } from '../support/debian.ts';
import { scratch } from '../support/scratch.ts';
import type { Material } from '../support/tls.ts';
import { Chromium } from './chromium.ts';
import { Daemon } from './daemon.ts';

const suite = await describeWith('chromium');
const daemon = await Daemon.make('orders');
const profile = await scratch('chromium');
const at = { keystore: daemon.ca.env.CLUSTER_CA_KEYSTORE as string, keyFile: join(dirname(daemon.ca.out), 'key-file') };
let url = '';

/** Ends mutual TLS for a browser that has no certificate of its own. */
async function forwarder(of: Required<Material>): Promise<Server> {
  const server = createServer(({ url: path }, response) => {
    request({ host: '127.0.0.1', port: daemon.port, path, agent: false, ...of }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    })
      .on('error', () => response.destroy())
      .end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

suite('the page in Chromium', () => {
  let browser: Chromium;
  let front: Server;

  beforeAll(async () => {
    const auditor = await daemon.person('eve', '--role', 'auditor');
    await daemon.node('n1');
    await daemon.ca.run('issue', 'old', '--plane', 'data', '--lifetime', '1s', '--out', daemon.ca.out);
    await daemon.node('gone');
    await daemon.ca.run('revoke', 'gone', '--yes');
    await daemon.start();
    front = await forwarder(auditor);
    url = `http://127.0.0.1:${(front.address() as AddressInfo).port}/`;
    browser = await Chromium.start(profile, '--ignore-certificate-errors');
  });

  afterAll(async () => {
    await browser?.close();
    front?.close();
  });

  test('without a client certificate it is refused', async () => {
    await browser.open(`https://127.0.0.1:${daemon.port}/`);
    const text = await browser.value<string>('document.body.innerText');
    expect(text).toContain('there is no client certificate');
    expect(text).not.toMatch(/orders|n1|root-g1/);
  });

  test('planes and nodes with their lives as bars, alerts, the log', async () => {
    expect(await browser.open(url)).toBe('');
    const text = await browser.value<string>('document.body.innerText');
    for (const word of ['cluster orders', 'critical', 'old/data', 'expired', 'revoked', 'root-g1', 'reserve'])
      expect(text).toContain(word);
    const rows = await browser.value<string[][]>(
      `[...document.querySelectorAll('section[aria-labelledby=certificates] tbody tr')].map((row) => [...row.children].slice(0, 3).map((cell) => cell.innerText))`,
    );
    expect(rows).toEqual(
      expect.arrayContaining([
        ['n1', 'control', 'valid'],
        ['n1', 'data', 'valid'],
        ['old', 'data', 'expired'],
        ['gone', 'data', 'revoked'],
        ['client eve', '–', 'valid'],
      ]),
    );
    const spent = (name: string): Promise<number> =>
      browser.value(
        `(() => { const row = [...document.querySelectorAll('tr')].find((one) => one.children[0].innerText === '${name}'); const of = (part) => row.querySelector(part).getBoundingClientRect().width; return of('.spent') / of('.rest'); })()`,
      );
    expect(await spent('old')).toBe(1);
    expect(await spent('n1')).toBeLessThan(0.1);
  });

  test('nothing runs in it, and the policy refuses nothing that it has', async () => {
    expect(await browser.value('document.scripts.length + document.forms.length')).toBe(0);
    // The style is applied: its hash is the policy's.
    expect(await browser.value(`getComputedStyle(document.querySelector('table')).borderCollapse`)).toBe('collapse');
  });

  test.each([1280, 800, 500, 320])('%d wide: nothing is cut off', async (width) => {
    await browser.size(width, 900);
    const [page, widest] = await browser.value<[number, number]>(
      `[document.documentElement.scrollWidth, Math.max(...[...document.querySelectorAll('.wide')].map((one) => one.scrollWidth - one.clientWidth))]`,
    );
    expect(page).toBeLessThanOrEqual(width);
    if (width <= 800) expect(widest).toBeLessThanOrEqual(0);
  });

  test('dark and light: text stands out from what is behind it (WCAG 2, AA)', async () => {
    for (const scheme of ['light', 'dark'] as const) {
      await browser.scheme(scheme);
      const worst = await browser.value<number>(`(() => {
        const parts = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((one) => one / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
        const probe = document.createElement('i'); probe.style.cssText = 'background:Canvas'; document.body.append(probe);
        const behind = light(parts(getComputedStyle(probe).backgroundColor)); probe.remove();
        return Math.min(...[...document.querySelectorAll('h1,a,th,td,.quiet,.critical,.expired')].map((one) => {
          const of = light(parts(getComputedStyle(one).color));
          return (Math.max(of, behind) + 0.05) / (Math.min(of, behind) + 0.05);
        }));
      })()`);
      expect([scheme, worst > 4.5 ? 'enough' : worst]).toEqual([scheme, 'enough']);
    }
  });

  test('by keyboard alone: every link and every table that may have to be scrolled, in order, and seen', async () => {
    await browser.open(url);
    const seen: string[] = [];
    for (let i = 0; i < 8; i++) {
      await browser.press('Tab', 9);
      seen.push(
        await browser.value(
          `document.activeElement.getAttribute('href') ?? document.activeElement.getAttribute('aria-label') ?? ''`,
        ),
      );
      expect(await browser.value('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    }
    const tables = ['Alerts', 'Certificates', 'Authorities', 'Log'];
    expect(seen).toEqual([
      ...tables.map((name) => `#${name.toLowerCase()}`),
      ...tables.map((name) => `${name}: the table`),
    ]);
  });

  test('a rollover: the phases with the one it is in, who blocks and what helps; as wide and by keyboard as the rest', async () => {
    await daemon.ca.run('rollover', 'start', '--yes');
    await step(at, 'prepared', 'distribute');
    await browser.open(url);
    const section = `document.querySelector('section[aria-labelledby=rollover]')`;
    const steps = await browser.value<string[]>(
      `[...${section}.querySelectorAll('ol li')].map((one) => (one.getAttribute('aria-current') ?? '') + one.innerText)`,
    );
    expect(steps).toEqual(['stable', 'prepared', 'stepdistribute', 'issue-new', 'retire', 'done']);
    const text = await browser.value<string>(`${section}.innerText`);
    for (const word of ['In distribute since', 'old and new trusted', 'n1 is not proven to trust the new root', 'G2'])
      expect(text).toContain(word);
    expect(text).toContain('cluster-ca rollover confirm n1');
    const seen: string[] = [];
    for (let i = 0; i < 7; i++) {
      await browser.press('Tab', 9);
      seen.push(
        await browser.value(
          `document.activeElement.getAttribute('href') ?? document.activeElement.getAttribute('aria-label') ?? ''`,
        ),
      );
    }
    expect([seen[0], ...seen.slice(5)]).toEqual(['#rollover', 'Who blocks: the table', 'Services: the table']);
    for (const width of [1280, 800, 320]) {
      await browser.size(width, 900);
      const [page, widest] = await browser.value<[number, number]>(
        `[document.documentElement.scrollWidth, Math.max(...[...document.querySelectorAll('.wide')].map((one) => one.scrollWidth - one.clientWidth))]`,
      );
      expect(page).toBeLessThanOrEqual(width);
      if (width <= 800) expect(widest).toBeLessThanOrEqual(0);
    }
    expect(await browser.value('document.scripts.length + document.forms.length')).toBe(0);
  });
});
