import { describe, expect, it } from 'vitest';
import { Health } from './health.ts';

const running = () => {
  const health = new Health();
  health.started();
  return health;
};

describe('a service that is starting', () => {
  it('is alive, but neither started nor ready', () => {
    const health = new Health();
    expect(health.report('live').status).toBe('ok');
    expect(health.report('startup')).toEqual({ status: 'failing', checks: { service: 'still starting' } });
    expect(health.report('ready')).toEqual({ status: 'failing', checks: { service: 'starting' } });
  });
});

describe('a running service', () => {
  it('is ready when every check is fine, and names the one that is not', () => {
    const health = running();
    health.ready('database', () => undefined);
    expect(health.report('ready')).toEqual({ status: 'ok', checks: { service: 'ok', database: 'ok' } });
    health.ready('cache', () => 'no answer');
    expect(health.report('ready')).toEqual({
      status: 'failing',
      checks: { service: 'ok', database: 'ok', cache: 'no answer' },
    });
    expect(health.report('live').status).toBe('ok');
  });

  it('is neither live nor ready when a loop of it is stuck', () => {
    const health = running();
    health.live('relay', () => 'last poll 31000 ms ago');
    expect(health.report('live')).toEqual({ status: 'failing', checks: { relay: 'last poll 31000 ms ago' } });
    expect(health.report('ready').status).toBe('failing');
  });

  it('is degraded, and ready still, without something that it can do without', () => {
    const health = running();
    health.degraded('redis', () => 'no answer');
    expect([health.report('ready'), health.report('live').status]).toEqual([
      { status: 'degraded', checks: { service: 'ok', redis: 'no answer' } },
      'ok',
    ]);
    health.ready('database', () => 'away');
    expect(health.report('ready').status).toBe('failing');
  });

  it('counts a check that throws as failing, with its reason', () => {
    const health = running();
    health.live('relay', () => {
      throw new Error('no such relay');
    });
    expect(health.report('live')).toEqual({ status: 'failing', checks: { relay: 'no such relay' } });
  });
});

describe('a service that drains', () => {
  it('is alive and started, but not ready', () => {
    const health = running();
    health.drain();
    expect([health.report('live').status, health.report('startup').status, health.report('ready').status]).toEqual([
      'ok',
      'ok',
      'failing',
    ]);
  });
});
