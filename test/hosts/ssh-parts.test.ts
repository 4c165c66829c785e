import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { complaint } from '../../src/hosts/ssh/complaint.ts';
import { parseDestination } from '../../src/hosts/ssh/destination.ts';
import { Framed } from '../../src/hosts/ssh/framed.ts';
import { shellQuote } from '../../src/hosts/ssh/quote.ts';
import { executable } from '../support/debian.ts';

describe('whom ssh is to reach', () => {
  test.each([
    ['node-1', undefined, 'node-1', undefined],
    ['deploy@redis-1.orders.internal', 'deploy', 'redis-1.orders.internal', undefined],
    ['deploy@10.0.0.1', 'deploy', '10.0.0.1', undefined],
    ['deploy@fe80::1%eth0', 'deploy', 'fe80::1%eth0', undefined],
    ['svc$@host', 'svc$', 'host', undefined],
    ['first.last@corp@host', 'first.last@corp', 'host', undefined],
    ['ssh://host', undefined, 'host', undefined],
    ['ssh://root@127.0.0.1:2222', 'root', '127.0.0.1', 2222],
    ['ssh://root@[::1]:2222/', 'root', '::1', 2222],
  ])('%s', (text, user, host, port) => {
    expect(parseDestination(text)).toEqual({ text, user, host, port });
  });

  test.each([
    '',
    '-oProxyCommand=id',
    '-oProxyCommand=id@host',
    'user@-oProxyCommand=id',
    'ssh://-oProxyCommand=id@host',
    'ssh://user@-host',
    '@host',
    'user@',
    'a b@host',
    'user@ho st',
    'user@host\n',
    'user@$(id)',
    'user`id`@host',
    "user'@host",
    'user@host;id',
    'ssh://user@host:0',
    'ssh://user@host:65536',
    'ssh://user@host:22x',
    'ssh://user@host/path',
    'ssh://user@[::1',
    'scp://user@host',
    'user@host/x',
  ])('refused: %j', (text) => {
    expect(() => parseDestination(text)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});

const WORDS = [
  '',
  'plain',
  'a b',
  "it's",
  '"$HOME"',
  '\\',
  '\\\\',
  "\\'",
  "'\\",
  'a\\b\\',
  'two\nlines\n',
  '\t',
  '!history',
  '`id`',
  '*',
  '~',
  '#no',
  '{a,b}',
  '%1',
  '-n',
  '=ls',
  'ü日',
];

describe('a word for a remote shell', () => {
  // zsh and fish where they are installed: the shells that a user of the far side may have.
  const shells = ['sh', 'dash', 'bash', 'zsh', 'fish'].filter((name) => executable(name) !== undefined);
  test.each(shells)('%s reads it as it was', (shell) => {
    const line = `printf '%s\\0' ${WORDS.map(shellQuote).join(' ')}`;
    const read = execFileSync(shell, ['-c', line], { encoding: 'utf8' });
    expect(read.split('\0').slice(0, -1)).toEqual(WORDS);
  });

  test('a null byte goes into none', () => {
    expect(() => shellQuote('a\0b')).toThrow(/null byte/);
  });
});

describe('what lies between the marks', () => {
  const mark = '0123456789abcdef';
  const whole = `greeting${mark}:start;content ${mark.slice(0, 9)} \0 more${mark}:17;from a daemon`;

  test('however it is cut into pieces', () => {
    for (let size = 1; size <= whole.length; size++) {
      const framed = new Framed(mark, 1000);
      for (let at = 0; at < whole.length; at += size) framed.push(Buffer.from(whole.slice(at, at + size)));
      expect([size, framed.noise, framed.content.toString(), framed.word]).toEqual([
        size,
        'greeting',
        `content ${mark.slice(0, 9)} \0 more`,
        '17',
      ]);
    }
  });

  test('no more than is wanted', () => {
    const framed = new Framed(mark, 10);
    framed.push(Buffer.from(`${mark}:start;${'x'.repeat(100)}`));
    framed.push(Buffer.from(`${'y'.repeat(100_000)}${mark}:0;`));
    expect([framed.content.toString(), framed.word]).toEqual(['x'.repeat(10), '0']);
  });

  test('what never starts is a greeting, the last of it', () => {
    const framed = new Framed(mark, 10);
    framed.push(Buffer.from(`${'x'.repeat(100_000)} This account is currently not available.\n`));
    expect([framed.started, framed.word, framed.content.length]).toEqual([false, undefined, 0]);
    expect(framed.noise).toMatch(/^x+ This account is currently not available\.\n$/);
    expect(framed.noise.length).toBeLessThan(5000);
  });
});

describe('what ssh says', () => {
  const destination = parseDestination('deploy@redis-1');
  const told = (said: string) => complaint(destination, said);

  test('what a host sends cannot reach the terminal, nor be longer than a line', () => {
    const error = told(`kex_exchange_identification: \u001b[2Jowned\u202e ${'x'.repeat(5000)}\r\n`);
    for (const unsafe of ['\u001b', '\u202e', '\n', '\r']) expect(error.message).not.toContain(unsafe);
    expect(error.message.length).toBeLessThan(400);
    expect(told('odd\u001b]0;title\u0007\n').message).toBe('cannot reach deploy@redis-1: odd\\u{1b}]0;title\\u{7}');
  });

  test('nothing at all', () => {
    expect(told('').message).toBe('cannot reach deploy@redis-1: ssh ended and said nothing');
  });

  test('no route, and no answer', () => {
    expect(told('ssh: connect to host redis-1 port 22: No route to host\r\n')).toMatchObject({
      code: 'ERR_REMOTE',
      message: 'cannot reach deploy@redis-1: redis-1 port 22: no route to host',
      details: { unreachable: true },
    });
    expect(told('ssh: connect to host redis-1 port 22: Connection timed out\r\n')).toMatchObject({
      code: 'ERR_TIMEOUT',
      message: 'deploy@redis-1 does not answer',
      details: { unreachable: true },
    });
  });
});
