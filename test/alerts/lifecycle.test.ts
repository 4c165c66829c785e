import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Alert } from '../../src/alerts/alert.ts';
import { MANY } from '../../src/alerts/group.ts';
import { alertBodies, standing, type Transition, transitions } from '../../src/alerts/lifecycle.ts';
import { alertChanges, applyAlertChanges, type OpenAlert, openAlert } from '../../src/keystore/log/alerts.ts';

const T0 = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const alert = (subject: string, more: Partial<Alert> = {}): Alert => ({
  name: 'crl_about_to_expire',
  severity: 'warning',
  subject,
  message: 'it ends',
  hint: 'cluster-ca crl --renew',
  since: '2026-01-01T00:00:00Z',
  ...more,
});

/** A daemon with its log: what it tells at each time, and the state that its records leave. */
class Daemon {
  open: OpenAlert[] = [];
  readonly told: (Transition & { at: number })[] = [];

  look(alerts: readonly Alert[], at: number): Transition[] {
    const now = transitions(this.open, alerts, at);
    for (const body of alertBodies(now))
      this.open = applyAlertChanges(this.open, alertChanges(body, 'body').changes, at);
    this.told.push(...now.map((one) => ({ ...one, at })));
    return now;
  }

  /** A restart: nothing is left but what the log says, as it is written. */
  restart(): void {
    this.open = (JSON.parse(JSON.stringify(this.open)) as unknown[]).map((one) => openAlert(one, 'alert'));
  }
}

const events = (told: readonly Transition[]): string[] => told.map(({ event, alert }) => `${event} ${alert.subject}`);

describe('one alert', () => {
  test('is raised once, repeated after a day, and resolved when it is over', () => {
    const daemon = new Daemon();
    expect(events(daemon.look([alert('a')], T0))).toEqual(['raised a']);
    expect(daemon.look([alert('a')], T0 + DAY - 1)).toEqual([]);
    expect(events(daemon.look([alert('a')], T0 + DAY))).toEqual(['repeated a']);
    expect(daemon.look([alert('a')], T0 + DAY + HOUR)).toEqual([]);
    const [over] = daemon.look([], T0 + DAY + 2 * HOUR);
    expect(over).toMatchObject({ event: 'resolved', because: 'over', raisedAt: T0, alert: { severity: 'warning' } });
    expect(daemon.open).toEqual([]);
  });

  test('that gets worse is told at once, and not again when it wavers: it is as bad as it was until it is over', () => {
    const daemon = new Daemon();
    daemon.look([alert('a')], T0);
    expect(events(daemon.look([alert('a', { severity: 'critical' })], T0 + HOUR))).toEqual(['escalated a']);
    expect(daemon.look([alert('a')], T0 + 2 * HOUR)).toEqual([]);
    expect(daemon.look([alert('a', { severity: 'critical' })], T0 + 3 * HOUR)).toEqual([]);
    expect(events(daemon.look([alert('a')], T0 + DAY + HOUR))).toEqual(['repeated a']);
    expect(daemon.open).toMatchObject([{ severity: 'critical', raisedAt: T0, notifiedAt: T0 + DAY + HOUR }]);
    expect(standing(daemon.open, [alert('a')])).toMatchObject([{ alert: { severity: 'critical' }, raisedAt: T0 }]);
    expect(standing(daemon.open, [])).toEqual([]);
  });

  test('of which a later stage has the place', () => {
    const daemon = new Daemon();
    const name = 'node_internal_certs_about_to_expire';
    daemon.look([alert('n1/data', { name })], T0);
    const told = daemon.look([alert('n1/data', { name: `${name}_late` })], T0 + HOUR);
    expect(told.map(({ event, because }) => [event, because])).toEqual([
      ['resolved', 'replaced'],
      ['raised', undefined],
    ]);
  });

  test('a clock that goes back repeats nothing', () => {
    const daemon = new Daemon();
    daemon.look([alert('a')], T0);
    expect(daemon.look([alert('a')], T0 - 400 * DAY)).toEqual([]);
  });

  test('a subject that the log would not take is made into one that it does', () => {
    const daemon = new Daemon();
    daemon.look([alert(`\u0007${'😀'.repeat(300)}`)], T0);
    expect(daemon.open[0]?.subject).toBe(`?${'😀'.repeat(199)}`);
    expect(daemon.look([alert(`\u0007${'😀'.repeat(300)}`)], T0 + 1)).toEqual([]);
  });
});

describe('many of a name', () => {
  const fleet = (n: number) => Array.from({ length: n }, (_, i) => alert(`n${i}`));

  test('the same one said often is one: it takes nobody else along', () => {
    const daemon = new Daemon();
    const [ours, other] = [alert('n1/data'), alert('n2/data')];
    daemon.look([other], T0);
    const again = daemon.look([...Array.from({ length: 65 }, () => ours), other], T0 + HOUR);
    expect(again.map(({ event, alert: { subject } }) => [event, subject])).toEqual([['raised', 'n1/data']]);
  });

  test('are one, until there are few again', () => {
    const daemon = new Daemon();
    expect(daemon.look(fleet(64), T0)).toHaveLength(64);
    const told = daemon.look(fleet(10_000), T0 + 1);
    expect(told.filter(({ because }) => because === 'grouped')).toHaveLength(64);
    expect(told.at(-1)).toMatchObject({
      event: 'raised',
      alert: { subject: MANY, message: '10000 of these: n0, n1, n10 and 9997 more' },
    });
    expect(daemon.look(fleet(60), T0 + 2)).toEqual([]);
    expect(daemon.look(fleet(70), T0 + 3)).toEqual([]);
    expect(events(daemon.look(fleet(32), T0 + 4)).slice(0, 2)).toEqual([`resolved ${MANY}`, 'raised n0']);
    expect(daemon.open).toHaveLength(32);
  });

  test('a record has at most 256 changes, whatever there is to tell', () => {
    const names = Array.from({ length: 8 }, (_, i) => `kind_${i}`);
    const told = transitions(
      [],
      names.flatMap((name) => fleet(64).map((one) => ({ ...one, name }))),
      T0,
    );
    expect(alertBodies(told).map(({ changes }) => changes.length)).toEqual([256, 256]);
  });
});

describe('whatever comes, in whatever order', () => {
  const NAMES = ['node_drift', 'crl_about_to_expire', 'x_late', 'x'];
  const someAlert = fc
    .record({
      name: fc.constantFrom(...NAMES),
      subject: fc.constantFrom('a', 'b', 'c', MANY),
      severity: fc.constantFrom('info', 'warning', 'critical'),
    } as const)
    .map(({ subject, ...more }) => alert(subject, more));
  const crowd = fc
    .tuple(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 100 }))
    .map(([name, n]) => Array.from({ length: n }, (_, i) => alert(`m${i}`, { name })));
  const step = fc.record({
    alerts: fc.oneof({ weight: 4, arbitrary: fc.array(someAlert, { maxLength: 6 }) }, crowd),
    pause: fc.oneof(fc.integer({ min: 0, max: 2 * HOUR }), fc.integer({ min: 0, max: 2 * DAY })),
    restart: fc.boolean(),
  });
  const run = (steps: fc.Arbitrary<{ alerts: Alert[]; pause: number; restart: boolean }[]>) => (check: Check) =>
    fc.assert(
      fc.property(steps, (list) => {
        const [daemon, undisturbed] = [new Daemon(), new Daemon()];
        let at = T0;
        for (const { alerts, pause, restart } of list) {
          at += pause;
          if (restart) daemon.restart();
          expect(daemon.look(alerts, at)).toEqual(undisturbed.look(alerts, at));
        }
        check(daemon, list.at(-1)?.alerts ?? [], at);
      }),
    );
  type Check = (daemon: Daemon, last: Alert[], at: number) => void;
  const property = run(fc.array(step, { maxLength: 25 }));
  const histories = (daemon: Daemon) => {
    const by = new Map<string, (Transition & { at: number })[]>();
    for (const one of daemon.told) {
      const key = `${one.alert.name} ${one.alert.subject}`;
      by.set(key, [...(by.get(key) ?? []), one]);
    }
    return [...by.values()];
  };

  test('an alert is raised, then told more of, then resolved, and so on; a restart changes nothing', () =>
    property((daemon) => {
      for (const history of histories(daemon)) {
        let open = false;
        for (const { event } of history) {
          expect([event, open]).toEqual([event, event !== 'raised']);
          open = event !== 'resolved';
        }
      }
    }));

  test('a repeat comes at most daily, whatever was told before it', () =>
    property((daemon) => {
      for (const history of histories(daemon))
        history.forEach(({ event, at }, i) => {
          if (event === 'repeated') expect(at - (history[i - 1]?.at ?? 0)).toBeGreaterThanOrEqual(DAY);
        });
    }));

  test('an alert is escalated at most twice, and is resolved with the worst severity that it was told with', () =>
    property((daemon) => {
      for (const history of histories(daemon)) {
        let times = 0;
        let worst = 'info';
        for (const { event, alert: told } of history) {
          if (event === 'raised') [times, worst] = [0, told.severity];
          if (event === 'escalated') [times, worst] = [times + 1, told.severity];
          expect([times <= 2, told.severity]).toEqual([true, worst]);
        }
      }
    }));

  test('what is open is what there is: nothing is forgotten, and nothing stays', () =>
    property((daemon, last, at) => {
      const names = new Set(last.map(({ name }) => name));
      expect(new Set(daemon.open.map(({ name }) => name))).toEqual(names);
      daemon.look([], at + 1);
      expect(daemon.open).toEqual([]);
      for (const history of histories(daemon)) expect(history.at(-1)?.event).toBe('resolved');
    }));
});
