import { describe, expect, test } from '@jest/globals';
import { refusal } from '../../../src/alerts/sinks/address.ts';
import { addressOf } from '../../../src/alerts/sinks/resolve.ts';
import { patient } from './batch.ts';

describe('where nothing is sent', () => {
  test.each([
    '169.254.169.254',
    '169.254.170.2',
    'fe80::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:1::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '168.63.129.16',
    '0.0.0.0',
    '::',
    '255.255.255.255',
    '224.0.0.1',
    'ff02::1',
    'not-an-address',
  ])('%s, whoever says it', (address) => {
    expect(refusal(address, true)).toBeDefined();
    expect(refusal(address, false)).toBeDefined();
  });

  test.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'])(
    "%s, this host's own, where a name of the DNS leads there",
    (address) => {
      expect(refusal(address, true)).toBeUndefined();
      expect(refusal(address, false)).toMatch(/own/);
    },
  );

  test.each(['10.0.0.7', '192.168.1.1', 'fd00::7', '8.8.8.8', '2606:4700::1111', '64:ff9b::808:808'])(
    '%s is a receiver as any other',
    (address) => expect(refusal(address, false)).toBeUndefined(),
  );
});

describe('a name', () => {
  test('is resolved once; one bad address among good ones is enough', async () => {
    let asked = 0;
    const answers = (addresses: string[]) => async () => {
      asked++;
      return addresses;
    };
    expect(await addressOf('h.example', answers(['10.0.0.1', '10.0.0.2']), patient())).toBe('10.0.0.1');
    expect(asked).toBe(1);
    await expect(addressOf('h.example', answers(['10.0.0.1', '169.254.169.254']), patient())).rejects.toMatchObject({
      code: 'ERR_REMOTE',
      message: 'nothing is sent to h.example: 169.254.169.254 is link-local',
      details: { permanent: true },
    });
    await expect(addressOf('h.example', answers(['127.0.0.1']), patient())).rejects.toThrow(/this host's own/);
    await expect(addressOf('h.example', answers([]), patient())).rejects.toThrow('h.example has no address');
  });

  test('that the system knows, and that nobody does', async () => {
    const { systemResolver } = await import('../../../src/alerts/sinks/resolve.ts');
    expect(['127.0.0.1', '::1']).toContain(await addressOf('localhost', systemResolver, patient()));
    await expect(addressOf('nobody.invalid', systemResolver, patient())).rejects.toMatchObject({ code: 'ERR_REMOTE' });
  });

  test('that is never answered is given up', async () => {
    const signal = AbortSignal.timeout(20);
    await expect(addressOf('h.example', () => new Promise(() => {}), signal)).rejects.toThrow(/too long/);
  });
});
