import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { alertmanagerSink } from '../../../src/alerts/sinks/alertmanager.ts';
import { scratch } from '../../support/scratch.ts';
import { batch, patient, transition } from './batch.ts';
import { ok, type Received, receiver, says } from './receiver.ts';

const directory = await scratch('alertmanager');
const one = (received: readonly Received[]) => received[0] as Received;

test('what begins ends in an hour unless it is told again; what is over ends now', async () => {
  const server = await receiver(ok);
  const sink = alertmanagerSink('am', { kind: 'alertmanager', url: `${server.url}/prefix/` });
  await sink.send(batch(transition(), transition('resolved', 'critical', 'n2/data')), patient());
  expect(one(server.received)).toMatchObject({ method: 'POST', path: '/prefix/api/v2/alerts' });
  expect(JSON.parse(one(server.received).body)).toEqual([
    {
      labels: { alertname: 'node_drift', cluster: 'orders', severity: 'warning', subject: 'n1/data' },
      annotations: {
        summary: 'n1/data: redis 127.0.0.1:7001: it serves another certificate',
        description: 'redis 127.0.0.1:7001: it serves another certificate',
        hint: 'cluster-ca verify --inventory FILE n1',
      },
      startsAt: '2026-01-01T00:00:00.000Z',
      endsAt: '2026-01-02T01:00:00.000Z',
    },
    expect.objectContaining({
      labels: { alertname: 'node_drift', cluster: 'orders', severity: 'critical', subject: 'n2/data' },
      endsAt: '2026-01-02T00:00:00.000Z',
    }),
  ]);
});

test('what gets worse is another alert there: the one that it was ends', async () => {
  const server = await receiver(ok);
  const sink = alertmanagerSink('am', { kind: 'alertmanager', url: server.url });
  await sink.send(batch(transition('escalated', 'critical')), patient());
  const told = JSON.parse(one(server.received).body) as { labels: { severity: string }; endsAt: string }[];
  expect(told.map(({ labels, endsAt }) => [labels.severity, endsAt])).toEqual([
    ['info', '2026-01-02T00:00:00.000Z'],
    ['warning', '2026-01-02T00:00:00.000Z'],
    ['critical', '2026-01-02T01:00:00.000Z'],
  ]);
});

test('with a token of a file', async () => {
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'a-token\n', { mode: 0o600 });
  const server = await receiver(ok);
  await alertmanagerSink('am', { kind: 'alertmanager', url: server.url, tokenFile }).send(
    batch(transition()),
    patient(),
  );
  expect(one(server.received).headers.authorization).toBe('Bearer a-token');
});

test('what it says of an alert that it refuses is passed on', async () => {
  const server = await receiver(says(400, '"start time must be before end time"'));
  const sink = alertmanagerSink('am', { kind: 'alertmanager', url: server.url });
  await expect(sink.send(batch(transition()), patient())).rejects.toThrow(
    `${server.url} answers 400: "start time must be before end time"`,
  );
});
